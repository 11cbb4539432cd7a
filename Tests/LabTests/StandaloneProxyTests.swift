import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// `wolfscale proxy`, which has no database of its own.
    @Suite struct StandaloneProxyTests {
        @Test func itSendsWritesToTheLeaderReadsToAFollowerAndFollowsAFailover() throws {
            try LabTests.withCluster("standalone") { cluster in
                let leader = try cluster.leader()
                let administrator = try leader.administrator()
                try administrator.query("CREATE USER router@'127.0.0.1' IDENTIFIED BY 'routes'")
                try administrator.query("GRANT SELECT ON mysql.global_priv TO router@'127.0.0.1'")
                administrator.close()
                // One member is named: not the leader. It learns the others.
                let proxy = try StandaloneProxy(
                    in: cluster.folder, member: try #require(cluster.followers().first), user: "router",
                    password: "routes")
                defer { proxy.end() }
                let session = try Lab.eventually("a session through the proxy") { try proxy.client() }
                try session.query("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))")
                for id in 1...50 {
                    _ = try session.execute("INSERT INTO t VALUES (?, 'x')", [.int64(Int64(id))])
                    #expect(try session.query("SELECT COUNT(*) FROM t").scalar == "\(id)")
                }
                // Reads are done elsewhere than writes.
                try cluster.waitUntilApplied()
                let reader = try proxy.client()
                try Lab.eventually("reads go to a follower") {
                    let before = try Dictionary(uniqueKeysWithValues: cluster.nodes.map { ($0.id, try reads($0)) })
                    for _ in 0..<200 { try reader.query("SELECT COUNT(*) FROM t") }
                    let after = try Dictionary(uniqueKeysWithValues: cluster.nodes.map { ($0.id, try reads($0)) })
                    return cluster.nodes.contains {
                        $0 !== leader && (after[$0.id] ?? 0) - (before[$0.id] ?? 0) >= 200
                    }
                }
                #expect(throws: SQLError.self) { try proxy.client(password: "wrong") }
                try tellsOfItself(proxy, leader)

                leader.endAgent(SIGKILL)
                leader.signalDatabase(SIGKILL)
                try Lab.eventually("the server is gone") { leader.databasePID == nil }
                _ = try session.execute("INSERT INTO t VALUES (?, 'after')", [.int64(51)])
                #expect(try session.query("SELECT v FROM t WHERE id = 51").scalar == "after")
                #expect(try proxy.client().query("SELECT COUNT(*) FROM t").scalar == "51")
                try leader.start(.again)
                try cluster.waitUntilComplete()
                try cluster.requireEqual()
                #expect(try session.query("SELECT COUNT(*) FROM t").scalar == "51")
                proxy.end()
                #expect(proxy.exitStatus == 0)
            }
        }

        @Test func sessionsAreSharedAmongTheFollowersByWeightAndOutliveOne() throws {
            try LabTests.withCluster("spread") { cluster in
                let administrator = try cluster.leader().administrator()
                try administrator.query("CREATE USER router@'127.0.0.1' IDENTIFIED BY 'routes'")
                try administrator.query("GRANT SELECT ON mysql.global_priv TO router@'127.0.0.1'")
                administrator.close()
                let followers = try cluster.followers()
                let (heavy, light) = (try #require(followers.first), try #require(followers.last))
                let proxy = try StandaloneProxy(
                    in: cluster.folder, member: light, user: "router", password: "routes",
                    more: ["read_weights = [\"\(heavy.id)=3\", \"nobody=1\"]"])
                defer { proxy.end() }
                func logs(_ words: String...) throws -> Bool {
                    try String(contentsOfFile: proxy.log, encoding: .utf8).split(separator: "\n").contains { line in
                        words.allSatisfy { line.contains($0) }
                    }
                }
                try Lab.eventually("the proxy knows both followers") {
                    try logs("clients go", "127.0.0.1:\(heavy.databasePort) (weight 3)", ":\(light.databasePort)")
                }
                try Lab.eventually("the name that nobody has is found") { try logs("no member", "nobody") }
                let sessions = try (0..<16).map { _ in try proxy.client() }
                func places() throws -> [Int] {
                    try sessions.map { try $0.portThatIsRead() }
                }
                let first = try places()
                let atHeavy = first.filter { $0 == heavy.databasePort }.count
                // 12 and 4, were both event loops to get eight sessions each.
                #expect((10...14).contains(atHeavy), "\(first)")
                #expect(first.allSatisfy { $0 == heavy.databasePort || $0 == light.databasePort }, "\(first)")
                #expect(try places() == first, "sessions do not wander")

                heavy.endAgent(SIGKILL)
                heavy.signalDatabase(SIGKILL)
                // No error is allowed from here on.
                try Lab.eventually("all read at the other follower") {
                    try places().allSatisfy { $0 == light.databasePort }
                }
                try heavy.start(.again)
                try Lab.eventually("new sessions read at the one that is back", within: .seconds(60)) {
                    let session = try proxy.client()
                    defer { session.close() }
                    return try session.portThatIsRead() == heavy.databasePort
                }
                #expect(try places().allSatisfy { $0 == light.databasePort }, "nobody moves back")
            }
        }

        /// By HTTP: whether it does its job, where clients go, and its metrics.
        private func tellsOfItself(_ proxy: StandaloneProxy, _ leader: LabNode) throws {
            #expect(try proxy.http("/health").status == 200)
            let status = try JSONSerialization.jsonObject(with: proxy.http("/status").body) as? [String: Any]
            let writes = status?["writes"] as? [String: Any]
            #expect(writes?["address"] as? String == "127.0.0.1:\(leader.databasePort)", "\(status ?? [:])")
            #expect((status?["reads"] as? [Any])?.count == 2, "\(status ?? [:])")
            let members = status?["members"] as? [[String: Any]] ?? []
            #expect(members.count == 3 && members.allSatisfy { $0["answers"] as? Bool == true }, "\(status ?? [:])")
            let text = String(decoding: try proxy.http("/metrics").body, as: UTF8.self)
            let metrics = try PrometheusText.parse(text)
            #expect(metrics.value("wolfscale_proxy_has_leader") == 1 && metrics.value("wolfscale_healthy") == 1)
            #expect(metrics.value("wolfscale_proxy_replicas") == 2)
            #expect(metrics.samples("wolfscale_proxy_member_answers").count == 3)
            #expect(metrics.value("wolfscale_proxy_commands_total", ["route": "leader"]) ?? 0 >= 50)
            #expect(Set(metrics.types.keys).isSubset(of: try MetricsCheck.documented()))
        }

        @Test func withoutAnyMemberItSaysThatItIsNotWell() throws {
            let folder = try Lab.makeFolder("standalone-alone")
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let proxy = try StandaloneProxy(in: folder, members: "127.0.0.1:\(FreePort.take())")
            defer { proxy.end() }
            let answer = try Lab.eventually("its API answers") { try proxy.http("/health") }
            #expect(answer.status == 503)
            #expect(String(decoding: answer.body, as: UTF8.self).contains("no member of the cluster answers"))
            let metrics = try PrometheusText.parse(String(decoding: try proxy.http("/metrics").body, as: UTF8.self))
            #expect(metrics.value("wolfscale_proxy_has_leader") == 0 && metrics.value("wolfscale_healthy") == 0)
        }

        /// How many SELECT statements a server has had.
        private func reads(_ node: LabNode) throws -> Int {
            let row = try node.administrator().query("SHOW GLOBAL STATUS LIKE 'Com_select'").rows.first
            return row?.last?.flatMap { Int($0) } ?? 0
        }

        @Test func itsConfigurationIsChecked() throws {
            let folder = try Lab.makeFolder("standalone-config")
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let file = folder + "/proxy.toml"
            try "[proxy]\nmember = [\"db1:8080\"]\n".write(toFile: file, atomically: true, encoding: .utf8)
            let result = try Lab.run(Lab.agent, ["proxy", "--config", file], expecting: nil)
            #expect(result.status != 0 && result.output.contains("did you mean proxy.members?"), "\(result.output)")
        }
    }
}
