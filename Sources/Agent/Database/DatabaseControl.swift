import ClusterCore
import Foundation
import Logging
import MariaDBClient
import Probes

/// What the agent does to its server by SQL. Each call is one short conversation as root through the socket; none uses a statement
/// that a held commit could block, but for those that say so.
struct DatabaseControl: Sendable {
    let runner: SQLRunner
    let logger: Logger

    func observe() async throws -> DatabaseObservation { try await DatabaseProbe.observe(runner) }

    /// Whether commits may be waiting in it, or clients may write: it was somebody's primary.
    func isPrimary() async throws -> Bool {
        let seen = try await observe()
        return !seen.isReadOnly || seen.semiSync.isEnabled
    }

    // MARK: Following

    /// Points the replica channel at our relay, from where the database stands, and starts it.
    func follow(relayPort: Int, user: String, password: String) async throws {
        try await runner.run(deadline: .seconds(30)) { session throws(SQLError) in
            try session.query("STOP SLAVE")
            try session.query("RESET SLAVE ALL")
            // The table of positions is behind the binlog when the server was killed right after a DDL statement, and knows nothing
            // of what the server wrote as a primary. What is in the binlog is in the engine (both are synced at each commit).
            let held = try DatabaseProbe.observe(session).position
            try session.query("SET GLOBAL gtid_slave_pos = '\(held)'")
            try session.query("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
            try session.query("SET GLOBAL rpl_semi_sync_slave_enabled = ON")
            try session.query(
                """
                CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=\(relayPort), MASTER_USER='\(user)', \
                MASTER_PASSWORD='\(password)', MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=2, \
                MASTER_USE_GTID=slave_pos
                """)
            try session.query("START SLAVE")
        }
    }

    /// What stopped the replica channel; nil while it runs.
    func channelError() async throws -> String? {
        let channels = try await runner.run { session throws(SQLError) in try DatabaseProbe.replicaChannels(session) }
        guard let channel = channels.first else { return "the replica channel is gone" }
        guard let failure = channel.sqlFailure ?? channel.ioFailure, !channel.isRunning else { return nil }
        return "error \(failure.errno): \(failure.message)"
    }

    func unfollow() async throws {
        try await runner.run(deadline: .seconds(30)) { session throws(SQLError) in
            try session.query("STOP SLAVE")
            try session.query("RESET SLAVE ALL")
        }
    }

    // MARK: Promotion and its way back

    func holdCommits() async throws {
        try await runner.run { session throws(SQLError) in
            try session.query("SET GLOBAL rpl_semi_sync_master_enabled = ON")
            let row =
                try session.query(
                    """
                    SELECT @@global.rpl_semi_sync_master_wait_point, @@global.rpl_semi_sync_master_timeout, \
                    @@global.rpl_semi_sync_master_wait_no_slave, @@global.sync_binlog, \
                    @@global.innodb_flush_log_at_trx_commit, @@global.gtid_strict_mode
                    """
                ).rows.first ?? []
            guard row == ["AFTER_SYNC", "18446744073709551615", "1", "1", "1", "1"] else {
                throw SQLError(
                    kind: .client,
                    message: "settings that the guarantee needs were changed: \(row.map { $0 ?? "NULL" }); "
                        + "`wolfscale validate` says what they must be")
            }
        }
    }

    func openWrites() async throws {
        _ = try await runner.run { session throws(SQLError) in try session.query("SET GLOBAL read_only = OFF") }
    }

    /// Waits for transactions that have written, commits under way included, while new writes wait behind it. One of the former may
    /// itself wait for a row that one of the latter has locked (`SELECT … FOR UPDATE`), which neither the server's metadata locks nor
    /// InnoDB sees as a deadlock. So each attempt is short, and lets go before the next.
    func closeWrites() async throws {
        for attempt in 1..<10 {
            if try await tryClosingWrites() { return }
            logger.info("transactions are in the way of read_only; trying again", metadata: ["attempt": "\(attempt)"])
            try await Task.sleep(for: .milliseconds(50 * attempt))
        }
        throw ServerError.wrongState("transactions of clients have kept read_only from being set for 10 s")
    }

    /// - Returns: false when transactions were in the way for a second.
    private func tryClosingWrites() async throws -> Bool {
        try await runner.run(deadline: .seconds(15)) { session throws(SQLError) in
            try session.query("SET SESSION lock_wait_timeout = 1")
            do throws(SQLError) { try session.query("SET GLOBAL read_only = ON") } catch {
                if error.errno == Self.lockWaitTimeout { return false }
                throw error
            }
            return true
        }
    }

    private static let lockWaitTimeout: UInt32 = 1205

    func releaseCommits() async throws {
        _ = try await runner.run { session throws(SQLError) in
            try session.query("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
        }
    }

    /// Ends clients' sessions on a server that is read-only and where no commit waits: a privileged one could still write.
    func disconnectClients() async throws {
        try await runner.run(deadline: .seconds(10)) { session throws(SQLError) in
            let own = session.threadID
            let rows = try session.query(
                "SELECT ID, COMMAND FROM information_schema.PROCESSLIST WHERE USER NOT IN ('system user', 'event_scheduler')"
            ).rows
            for row in rows {
                guard let text = row[0], let id = UInt64(text), id != own, row[1]?.hasPrefix("Binlog Dump") == false,
                    row[1] != "Daemon", row[1] != "Slave_worker"
                else { continue }
                do throws(SQLError) { try session.query("KILL CONNECTION \(id)") } catch {
                    // It has ended by itself.
                    if error.errno != 1094 { throw error }
                }
            }
        }
    }

    // MARK: Accounts

    /// Makes the application's account and schema if they are missing; never alters what is there.
    func ensureApplication(user: String, password: String, database: String?) async throws {
        try await runner.run(deadline: .seconds(60)) { session throws(SQLError) in
            if let database {
                let quoted = "`" + database.replacingOccurrences(of: "`", with: "``") + "`"
                let known = try session.execute(
                    "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", [.string(database)])
                if known.rows.isEmpty { try session.query("CREATE DATABASE IF NOT EXISTS \(quoted)") }
            }
            let known = try session.execute("SELECT 1 FROM mysql.global_priv WHERE User = ?", [.string(user)])
            guard known.rows.isEmpty else { return }
            let name = "'\(try session.escape(user))'@'%'"
            try session.query("CREATE USER IF NOT EXISTS \(name) IDENTIFIED BY '\(try session.escape(password))'")
            let scope = database.map { "`" + $0.replacingOccurrences(of: "`", with: "``") + "`.*" } ?? "*.*"
            try session.query("GRANT ALL PRIVILEGES ON \(scope) TO \(name)")
        }
    }
}
