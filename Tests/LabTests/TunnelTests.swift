import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// Databases that nobody but their own host can reach.
    @Suite struct TunnelTests {
        @Test(.enabled(if: LabNetwork.isAvailable, "network namespaces need root and nft"))
        func aFollowersClientReachesALeaderWhoseDatabaseListensOnLoopback() throws {
            let network = try LabNetwork(hosts: 3)
            defer { network.remove() }
            let settings = LabCluster.proxied.merging(
                ["proxy": ["tunnel = true", "proxy_protocol_to_server = true"]]
            ) { $0 + $1 }
            try LabTests.withCluster("tunnel", nodes: 0, settings: settings, tls: true) { cluster in
                for host in 1...3 {
                    let node = try cluster.addNode(
                        host: network.address(host), prefix: network.prefix(host),
                        more: ["database": ["host = \"127.0.0.1\""]])
                    node.hidesDatabase = true
                }
                try cluster.start(3)
                let leader = try cluster.leader()
                let follower = try #require(cluster.followers().first)
                #expect(throws: SQLError.self, "the database can be reached without a tunnel") {
                    try SQLSession(
                        SQLConfiguration(
                            address: .tcp(host: leader.host, port: leader.databasePort), user: LabNode.user,
                            password: LabNode.password, connectTimeout: .seconds(1)))
                }
                let session = try follower.proxyClient()
                try session.query("CREATE TABLE t (id INT PRIMARY KEY, who VARCHAR(100), v LONGBLOB)")
                for id in 1...50 {
                    _ = try session.execute("INSERT INTO t VALUES (?, USER(), 'x')", [.int64(Int64(id))])
                    #expect(try session.query("SELECT id FROM t WHERE id = \(id)").scalar == "\(id)")
                }
                // The database is told the client's address, not any agent's.
                let who = try session.query("SELECT DISTINCT who FROM t FOR UPDATE").scalar ?? ""
                let client = network.address(1).split(separator: ".").prefix(3).joined(separator: ".") + ".254"
                #expect(who == "\(LabNode.user)@\(client)")
                // Larger than every buffer on the way, both ways.
                try session.query("INSERT INTO t VALUES (1000, '', REPEAT('y', 30000000))")
                let big = [UInt8](repeating: 7, count: 20_000_000)
                _ = try session.execute("UPDATE t SET v = ? WHERE id = 1000", [.bytes(big)])
                #expect(try session.query("SELECT v FROM t WHERE id = 1000 FOR UPDATE").scalar?.utf8.count == big.count)
                // More at once than are opened at once.
                let others = try (0..<80).map { _ in try follower.proxyClient() }
                for other in others { #expect(try other.query("SELECT COUNT(*) FROM t FOR UPDATE").scalar == "51") }
                for other in others { other.close() }

                leader.endAgent(SIGKILL)
                leader.signalDatabase(SIGKILL)
                try Lab.eventually("the server is gone") { leader.databasePID == nil }
                _ = try session.execute("INSERT INTO t VALUES (?, '', 'after')", [.int64(2000)])
                #expect(try session.query("SELECT v FROM t WHERE id = 2000").scalar == "after")
                try leader.start(.again)
                try cluster.waitUntilComplete()
                try cluster.requireEqual()
            }
        }
    }
}
