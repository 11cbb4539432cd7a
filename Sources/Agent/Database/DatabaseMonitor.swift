import ClusterCore
import MariaDBClient
import NIOPosix
import Probes
import WriteAheadLog

/// Looks at the running server twice a second: whether it answers, how far it has applied the log, whether the replica channel
/// runs and whether every commit waited for its quorum.
@NodeLoop
final class DatabaseMonitor {
    private let runner: SQLRunner
    private weak var driver: DatabaseDriver?
    private let unresponsiveAfter: Duration
    private var task: Task<Void, Never>?
    private var unacknowledged: UInt64?

    private(set) var observation: DatabaseObservation?
    private(set) var channel: ReplicaChannel?
    /// Everything of the log through here is in the database.
    private(set) var applied: LSN = .zero
    private(set) var foreignTables: [ForeignTable] = []

    init(runner: SQLRunner, driver: DatabaseDriver, unresponsiveAfter: Duration) {
        self.runner = runner
        self.driver = driver
        self.unresponsiveAfter = unresponsiveAfter
    }

    func start() {
        task = Task { [weak self] in
            var answered = ContinuousClock.now
            var round = 0
            while !Task.isCancelled {
                guard let self else { return }
                do {
                    try await self.look(atTables: round % 60 == 0)
                    answered = ContinuousClock.now
                } catch {
                    if ContinuousClock.now - answered > self.unresponsiveAfter {
                        self.driver?.lost("it has not answered for \(self.unresponsiveAfter): \(error)")
                        return
                    }
                    self.runner.abandon()
                }
                round += 1
                do { try await Task.sleep(for: .milliseconds(500)) } catch { return }
            }
        }
    }

    func stop() {
        task?.cancel()
        runner.close()
    }

    private func look(atTables: Bool) async throws {
        let (seen, channels, tables) = try await runner.run { session throws(SQLError) in
            let seen = try DatabaseProbe.observe(session)
            // Nothing else is asked while commits wait: other statements could wait behind them.
            guard seen.semiSync.waitingSessions == 0 else {
                return (seen, nil as [ReplicaChannel]?, nil as [ForeignTable]?)
            }
            return (
                seen, try DatabaseProbe.replicaChannels(session),
                atTables ? try DatabaseProbe.nonTransactionalTables(session) : nil
            )
        }
        guard let driver else { return }
        if let before = observation, seen.uptimeSeconds < before.uptimeSeconds {
            return driver.lost("somebody else restarted it")
        }
        if let tables, tables != foreignTables {
            foreignTables = tables
            if !tables.isEmpty { driver.foreignTablesFound(tables) }
        }
        if let channels { channel = channels.first }
        checkAcknowledged(seen.semiSync.unacknowledged)
        let committed = driver.consensus.raft.committed
        if seen.position != observation?.position || applied < committed {
            applied = try await applied(seen.position, committed, driver)
        }
        observation = seen
        if let failure = channel?.sqlFailure ?? channel?.ioFailure, channel?.isRunning == false {
            driver.handle(.replicaStopped(reason: "error \(failure.errno): \(failure.message)"))
        }
    }

    private func checkAcknowledged(_ count: UInt64) {
        if let before = unacknowledged, count > before {
            driver?.handle(
                .guaranteeBroken(
                    reason: "\(count - before) commits went through without their quorum: "
                        + "a waiting session was killed, or semi-sync was switched off"))
        }
        unacknowledged = count
    }

    private func applied(_ position: GTIDPosition, _ committed: LSN, _ driver: DatabaseDriver) async throws -> LSN {
        let log = driver.consensus.log
        return try await driver.threads.runIfActive {
            if position.covers(try log.state(through: committed).position) { return committed }
            var last = LSN.zero
            for gtid in position.gtids { last = max(last, try log.locate(gtid) ?? .zero) }
            return last
        }
    }
}
