import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// What a real server does in the moments that cost others their data.
    @Suite struct TrapTests {
        /// Long enough that the leader does not step down while its followers are frozen for a moment.
        static let patient = [
            "cluster": [
                "election_timeout_min_ms = 6000", "election_timeout_max_ms = 9000", "heartbeat_interval_ms = 200",
            ]
        ]

        /// A client that waits for its commit, on a thread of its own.
        final class WaitingWrite: @unchecked Sendable {
            private let done = DispatchSemaphore(value: 0)
            private let lock = NSLock()
            private var ended: Result<Void, any Error>?

            init(_ node: LabNode, _ sql: String) {
                Thread { [self] in
                    let result = Result { _ = try node.client(readTimeout: .seconds(60)).query(sql) }
                    lock.withLock { ended = result }
                    done.signal()
                }.start()
            }

            var hasEnded: Bool { lock.withLock { ended != nil } }
            func result() throws {
                done.wait()
                try lock.withLock { ended }?.get()
            }
        }

        private func freezeFollowers(_ cluster: LabCluster) throws -> [LabNode] {
            let followers = try cluster.followers()
            for node in followers { node.signalAgent(SIGSTOP) }
            return followers
        }

        private func waitUntilWaiting(_ node: LabNode, _ count: Int = 1) throws {
            try Lab.eventually("\(count) commits wait for their quorum", within: .seconds(5), every: .milliseconds(5)) {
                try node.administrator().query("SHOW STATUS LIKE 'Rpl_semi_sync_master_wait_sessions'").rows[0][1]
                    == "\(count)"
            }
        }

        private func status(_ node: LabNode) throws -> [String: Any] {
            try JSONSerialization.jsonObject(with: node.http("GET", "/status").body) as? [String: Any] ?? [:]
        }

        @Test func aWriteIsInvisibleUntilItsQuorumHasIt() throws {
            try LabTests.withCluster("invisible", settings: Self.patient) { cluster in
                let leader = try cluster.leader()
                try leader.client().query("CREATE TABLE t (id INT PRIMARY KEY)")
                let frozen = try freezeFollowers(cluster)
                let write = WaitingWrite(leader, "INSERT INTO t VALUES (1)")
                try waitUntilWaiting(leader)
                #expect(try leader.client().query("SELECT COUNT(*) FROM t").scalar == "0")
                #expect(!write.hasEnded)
                for node in frozen { node.signalAgent(SIGCONT) }
                try write.result()
                #expect(try leader.client().query("SELECT COUNT(*) FROM t").scalar == "1")
            }
        }

        @Test func killingAWaiterRaisesTheAlarmAndItsOrphanIsFound() throws {
            try LabTests.withCluster("orphan", settings: Self.patient) { cluster in
                let leader = try cluster.leader()
                try leader.client().query("CREATE TABLE t (id INT PRIMARY KEY)")
                try cluster.waitUntilApplied()
                // Dead, not frozen: what waited in the socket of a frozen one would still arrive.
                let dead = try cluster.followers()
                for node in dead { node.endAgent(SIGKILL) }
                let write = WaitingWrite(leader, "INSERT INTO t VALUES (666)")
                try waitUntilWaiting(leader)
                let administrator = try leader.administrator()
                let id =
                    try administrator.query(
                        "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO t%'"
                    ).scalar ?? "0"
                try administrator.query("KILL QUERY \(id)")
                try Lab.eventually("the alarm is in /status", within: .seconds(5)) {
                    (try status(leader)["warnings"] as? [String] ?? []).contains { $0.contains("without their quorum") }
                }
                // A commit that the engine has not yet on disk would be undone by the restart, and no orphan be left.
                func lsn(_ name: String) throws -> UInt64 {
                    let rows = try administrator.query("SHOW GLOBAL STATUS LIKE 'Innodb_lsn_\(name)'").rows
                    return rows.first?[1].flatMap(UInt64.init) ?? 0
                }
                let written = try lsn("current")
                try Lab.eventually("the engine has it on disk", within: .seconds(4)) { try lsn("flushed") >= written }
                leader.endAgent(SIGKILL)
                leader.signalDatabase(SIGKILL)
                _ = try? write.result()
                for node in dead { try node.start(.again) }
                try Lab.eventually("another leads", within: .seconds(60)) {
                    try dead.contains { try $0.status().database.writable }
                }
                try cluster.leader().client().query("INSERT INTO t VALUES (1)")
                try leader.start(.again)
                try Lab.eventually("the old leader says that it has diverged", within: .seconds(60)) {
                    try leader.status().database.state == "diverged"
                }
                try Lab.eventually("its orphan is exported") {
                    let orphans = try status(leader)["orphans"] as? [[String: Any]] ?? []
                    guard let file = orphans.first?["sql_file"] as? String else { return false }
                    let text = try String(contentsOfFile: file, encoding: .utf8)
                    return text.contains("INSERT INTO `shop`.`t`") && text.contains("@1=666")
                }
                #expect(try leader.http("GET", "/health").status == 503)
                #expect(try cluster.leader().client().query("SELECT GROUP_CONCAT(id) FROM t").scalar == "1")
            }
        }

        @Test func reconnectingAfterARotationAcknowledgesNothing() throws {
            try LabTests.withCluster("rotation", settings: Self.patient) { cluster in
                let leader = try cluster.leader()
                try leader.client().query("CREATE TABLE t (id INT PRIMARY KEY)")
                try leader.administrator().query("FLUSH BINARY LOGS")
                try leader.client().query("INSERT INTO t VALUES (1)")
                let frozen = try freezeFollowers(cluster)
                let write = WaitingWrite(leader, "INSERT INTO t VALUES (2)")
                try waitUntilWaiting(leader)
                let administrator = try leader.administrator()
                let dump = "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'"
                let old = try administrator.query(dump).scalar ?? "0"
                try administrator.query("KILL \(old)")
                try Lab.eventually("the agent has connected again", within: .seconds(10)) {
                    guard let now = try administrator.query(dump).scalar else { return false }
                    return now != old
                }
                #expect(!write.hasEnded)
                #expect(try administrator.query("SELECT COUNT(*) FROM shop.t").scalar == "1")
                for node in frozen { node.signalAgent(SIGCONT) }
                try write.result()
                try cluster.requireEqual()
            }
        }

        @Test func aTruncatedTailIsRefilledFromTheLog() throws {
            try LabTests.withCluster("refill", settings: Self.patient) { cluster in
                let leader = try cluster.leader()
                try leader.client().query("CREATE TABLE t (id INT PRIMARY KEY)")
                let frozen = try freezeFollowers(cluster)
                let write = WaitingWrite(leader, "INSERT INTO t VALUES (1)")
                try waitUntilWaiting(leader)
                leader.signalDatabase(SIGKILL)
                _ = try? write.result()
                try Lab.eventually("the server is back, without the tail", within: .seconds(5)) {
                    try leader.administrator().query("SELECT COUNT(*) FROM shop.t").scalar == "0"
                }
                for node in frozen { node.signalAgent(SIGCONT) }
                try cluster.waitUntilComplete()
                try cluster.requireEqual()
                let row = try leader.administrator().query(
                    "SELECT COUNT(*), @@gtid_binlog_pos = @@gtid_slave_pos OR @@gtid_slave_pos = '' FROM shop.t"
                ).rows[0]
                #expect(row[0] == "1")
                #expect(row[1] == "1")
            }
        }

        @Test func tablesOutsideInnoDBAreWarnedOf() throws {
            try LabTests.withCluster("engines", nodes: 1) { cluster in
                let node = cluster.nodes[0]
                try node.client().query("CREATE TABLE old (id INT) ENGINE = MyISAM")
                // The tables are looked at after a start, and every half minute.
                node.endAgent(SIGTERM)
                try node.start(.again)
                try Lab.eventually("the table is named in /status", within: .seconds(60)) {
                    (try status(node)["warnings"] as? [String] ?? []).contains { $0.contains("shop.old") }
                }
            }
        }
    }
}
