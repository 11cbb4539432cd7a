import ClusterCore
import Foundation
import MariaDBClient
import NIOCore
import Synchronization

/// A query that a thread executes, seen by those who wait for it.
final class RunningQuery: Sendable {
    let format: QueryFormat
    private let pipe = RowPipe()
    private let pool: SQLPool
    /// Beyond the query's own time: for the thread to say so.
    private static let margin = Duration.seconds(1)
    private let patience: Duration
    private let held = Mutex<RowPipe.Piece?>(nil)

    init(
        _ request: QueryRequest, _ format: QueryFormat, integers: BigIntegers, waitingFor: GTIDPosition?,
        settings: HTTPDataConfiguration, on pool: SQLPool
    ) throws(Problem) {
        self.format = format
        self.pool = pool
        let timeout = min(
            request.timeoutMS.map { Duration.milliseconds(Int64($0)) } ?? settings.queryTimeout, settings.queryTimeout)
        patience = timeout + RunningQuery.margin
        let run = QueryRun(
            request: request, encoder: .init(bigIntegers: integers, jsonColumns: request.jsonColumns), format: format,
            waitingFor: waitingFor, waitAtMost: min(settings.causalTimeout, timeout), timeout: timeout,
            deadline: Date(timeIntervalSinceNow: Double(timeout / .milliseconds(1)) / 1_000), pipe: pipe)
        do throws(SQLError) { try pool.enqueue { run.execute($0) } } catch { throw Problem(error) }
    }

    /// The first piece: what comes after it is asked for with ``next()``, which begins with this one.
    func first() async -> RowPipe.Piece {
        let piece = await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await Task.sleep(for: self.patience) } catch { return }
                self.kill(self.pipe.abandon(RunningQuery.late))
            }
            let piece = await self.pipe.next()
            group.cancelAll()
            return piece
        }
        held.withLock { $0 = piece }
        return piece
    }

    func next() async -> RowPipe.Piece {
        let first = held.withLock { held in
            defer { held = nil }
            return held
        }
        if let first { return first }
        return await pipe.next()
    }

    /// The client has gone, or the answer is of no use: the server is told to stop.
    func stop() { kill(pipe.abandon()) }

    /// Nothing waits for its commit on that connection, so that KILL does no harm.
    private func kill(_ connection: UInt?) {
        if let connection { pool.killQuery(connection) }
    }

    private static let late = Problem(
        .queryTimeout, status: 504, "No answer from MariaDB in time. Nothing was changed.")
}
