import ClusterCore
import MariaDBClient

/// Looks at the running server twice a second: whether it answers, how far it has applied the log, whether the replica channel
/// runs and whether every commit waited for its quorum.
@NodeLoop
final class DatabaseMonitor {
    private let runner: SQLRunner
    private weak var driver: DatabaseDriver?
    private let unresponsiveAfter: Duration
    private var task: Task<Void, Never>?
    private var unacknowledged: Int?

    private(set) var observation = Observation()

    struct Observation: Sendable, Hashable {
        var position = GTIDPosition()
        var applied: LSN = .zero
        var isWritable = false
        var waitingSessions = 0
        var channelError: String?
        var secondsBehind: Int?
        var nonTransactionalTables: [String] = []
    }

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
        var seen = observation
        let (variables, status, channel) = try await runner.run { session throws(SQLError) in
            (
                try session.query("SELECT @@global.gtid_slave_pos, @@global.gtid_binlog_pos, @@global.read_only").rows.first ?? [],
                try session.query("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_%'").rows,
                try session.query("SHOW SLAVE STATUS").dictionaries.first
            )
        }
        guard variables.count == 3, let driver else { return }
        var position = GTIDPosition(variables[0] ?? "") ?? .init()
        position.advance(to: GTIDPosition(variables[1] ?? "") ?? .init())
        seen.position = position
        seen.isWritable = variables[2] == "0"
        let counters = Dictionary(status.compactMap { row in row[0].map { ($0, row[1].flatMap(Int.init) ?? 0) } }) { $1 }
        seen.waitingSessions = counters["Rpl_semi_sync_master_wait_sessions"] ?? 0
        checkAcknowledged(counters["Rpl_semi_sync_master_no_tx"] ?? 0)
        seen.channelError = channel.flatMap(Self.channelError)
        seen.secondsBehind = channel?["Seconds_Behind_Master"].flatMap(Int.init)
        if atTables, let control = driver.control {
            seen.nonTransactionalTables = try await control.nonTransactionalTables()
        }
        if position != observation.position || seen.applied < driver.consensus.raft.committed {
            seen.applied = try await applied(position, driver)
        }
        observation = seen
        if let error = seen.channelError { driver.handle(.replicaStopped(reason: error)) }
    }

    private func checkAcknowledged(_ count: Int) {
        if let before = unacknowledged, count > before {
            driver?.handle(
                .guaranteeBroken(
                    reason: "\(count - before) commits went through without their quorum: "
                        + "a waiting session was killed, or semi-sync was switched off"))
        }
        unacknowledged = count
    }

    private func applied(_ position: GTIDPosition, _ driver: DatabaseDriver) async throws -> LSN {
        let log = driver.consensus.log
        let committed = driver.consensus.raft.committed
        return try await driver.threads.runIfActive {
            if position.covers(try log.state(through: committed).position) { return committed }
            var last = LSN.zero
            for gtid in position.gtids { last = max(last, try log.locate(gtid) ?? .zero) }
            return last
        }
    }

    private static func channelError(_ status: [String: String]) -> String? {
        if status["Slave_SQL_Running"] == "No", let error = status["Last_SQL_Error"], !error.isEmpty {
            return "error \(status["Last_SQL_Errno"] ?? "?"): \(error)"
        }
        if status["Slave_IO_Running"] == "No", let error = status["Last_IO_Error"], !error.isEmpty {
            return "error \(status["Last_IO_Errno"] ?? "?"): \(error)"
        }
        return nil
    }
}
