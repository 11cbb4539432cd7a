import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// Applications through the proxies of a cluster.
    @Suite struct ProxyTests {
        @Test func aClientOfAFollowerWritesReadsItsWritesAndSurvivesTheLeader() throws {
            try LabTests.withCluster("proxy", settings: LabCluster.proxied) { cluster in
                let leader = try cluster.leader()
                let follower = try #require(cluster.followers().first)
                let session = try follower.proxyClient()
                try session.query("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))")
                for id in 1...200 {
                    _ = try session.execute("INSERT INTO t VALUES (?, ?)", [.int64(Int64(id)), .string("row \(id)")])
                    #expect(
                        try session.execute("SELECT v FROM t WHERE id = ?", [.int64(Int64(id))]).scalar == "row \(id)")
                    #expect(try session.query("SELECT v FROM t WHERE id = \(id)").scalar == "row \(id)")
                }
                try session.query("SET time_zone = '+05:00'")
                let token = try session.query("SELECT @@last_gtid").scalar ?? ""
                let other = try cluster.followers()[1].proxyClient()
                try other.query("SET @wolfscale_after = '\(token)'")
                #expect(try other.query("SELECT COUNT(*) FROM t").scalar == "200")

                let busy = try follower.proxyClient()
                try busy.query("START TRANSACTION")
                try busy.query("UPDATE t SET v = 'never' WHERE id = 1")
                leader.endAgent(SIGKILL)
                leader.signalDatabase(SIGKILL)
                // A write that met the dying server would rightly be lost with it.
                try Lab.eventually("the server is gone") { leader.databasePID == nil }
                // The idle session waits for the next leader; no error, no other time zone.
                _ = try session.execute("INSERT INTO t VALUES (?, ?)", [.int64(201), .string("after")])
                #expect(try session.query("SELECT v, @@time_zone FROM t WHERE id = 201").rows == [["after", "+05:00"]])
                #expect(throws: SQLError.self) { try busy.query("COMMIT") }
                #expect(try session.query("SELECT v FROM t WHERE id = 1").scalar == "row 1")
                try leader.start(.again)
                try cluster.waitUntilComplete()
                try cluster.requireEqual()
            }
        }

        @Test func accountsAreTheDatabasesOwn() throws {
            try LabTests.withCluster("proxy-accounts", nodes: 2, settings: LabCluster.proxy) { cluster in
                let follower = try #require(cluster.followers().first)
                let administrator = try cluster.leader().administrator()
                try administrator.query("CREATE USER far@'10.0.0.1' IDENTIFIED BY 'x'")
                try administrator.query("CREATE USER near@'127.0.0.%' IDENTIFIED BY 'y'")
                try cluster.waitUntilApplied()
                func login(_ user: String, _ password: String) throws {
                    try SQLSession(
                        SQLConfiguration(
                            address: .tcp(host: "127.0.0.1", port: follower.proxyPort), user: user, password: password,
                            connectTimeout: .seconds(5))
                    ).close()
                }
                #expect(throws: SQLError.self) { try login("far", "x") }
                #expect(throws: SQLError.self) { try login("root", "") }
                #expect(throws: SQLError.self) { try login(NSUserName(), "") }
                try login("near", "y")
                try administrator.query("ALTER USER near@'127.0.0.%' IDENTIFIED BY 'z'")
                // A new password holds at once: a refusal is checked against the database.
                try Lab.eventually("the new password") {
                    try login("near", "z")
                    return true
                }
            }
        }

        @Test func faultsThroughTheProxiesLoseAndInventNothing() throws {
            try LabTests.withCluster("proxy-faults", settings: LabCluster.proxied) { cluster in
                try Workload.prepare(cluster)
                let workload = Workload(cluster: cluster, clients: 6, route: .proxies)
                workload.start()
                var injector = FaultInjector(cluster: cluster, network: nil, seed: 7)
                for fault in [Fault.bothKilled, .switchover, .databaseKilled] {
                    let before = workload.acknowledgedCount
                    try Lab.eventually("writes go on") { workload.acknowledgedCount > before + 20 }
                    try injector.inflict(fault)
                }
                let resumed = workload.acknowledgedCount
                try Lab.eventually("writes go on afterwards") { workload.acknowledgedCount > resumed + 20 }
                workload.stop()
                try cluster.requireEqual()
                let verdict = try workload.check(try cluster.waitUntilWritable())
                #expect(verdict.isClean, "\(verdict)")
                #expect(verdict.reads > 0)
            }
        }
    }
}
