import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// Who gets in by HTTP, on clusters of real servers.
    @Suite struct APIAccessTests {
        @Test func aTokenMadeOnceIsGoodEverywhereAndARevokedOneNowhere() throws {
            let settings = LabCluster.quickElections.merging(["api": ["loopback_exempt = false"]]) { $0 + $1 }
            try LabTests.withCluster("tokens", settings: settings) { cluster in
                let maker = try #require(cluster.followers().first)
                // The token is the only line on standard output; `command` gives both.
                let writer = try token(cluster, maker, ["--role", "write", "--name", "shop", "--expires", "1d"])
                let reader = try token(cluster, maker, ["--role", "read", "--name", "board"])
                let leader = try cluster.leader()
                try Lab.eventually("the token is good at the leader", within: .seconds(20)) {
                    try post(leader, "/write/ddl", #"{"ddl": "CREATE TABLE t (id BIGINT PRIMARY KEY)"}"#, writer) == 200
                }
                for (number, node) in cluster.nodes.enumerated() {
                    let row = #"{"table": "t", "values": {"id": \#(number)}}"#
                    try Lab.eventually("the tokens are good at \(node.id)", within: .seconds(20)) {
                        try post(node, "/write/insert", row, reader) == 403
                    }
                    #expect(try post(node, "/write/insert", row, writer) == 200)
                    #expect(try post(node, "/cluster/switchover", #"{"dry_run": true}"#, writer) == 403)
                    #expect(try node.http("GET", "/status", headers: bearer(reader)).status == 200)
                    #expect(try post(node, "/write/insert", row, writer + "x") == 401)
                    let list = try cluster.command(node, ["token", "list"])
                    #expect(list.contains("shop") && list.contains("board") && !list.contains(writer))
                }
                // Revoked at another node than the one that made it, while that one is away.
                let away = try #require(cluster.nodes.first { $0 !== maker && $0 !== leader })
                away.endAgent(SIGKILL)
                try cluster.command(leader, ["token", "revoke", "shop"])
                try Lab.eventually("it is revoked at \(maker.id)", within: .seconds(20)) {
                    try post(maker, "/write/insert", "{}", writer) == 401
                }
                try away.start(.again)
                try Lab.eventually("it is revoked at the node that was away", within: .seconds(30)) {
                    try post(away, "/write/insert", "{}", writer) == 401
                }
                #expect(try post(away, "/write/insert", "{}", reader) == 403)
                for node in cluster.nodes { #expect(!cluster.tail(node, lines: 10_000).contains(writer)) }
            }
        }

        @Test func theAPISpeaksTLSWithTheNodesCertificates() throws {
            let settings = LabCluster.proxied.merging(["api": ["tls = true"]]) { $0 + $1 }
            try LabTests.withCluster("api-tls", nodes: 0, settings: settings, tls: true) { cluster in
                for _ in 0..<3 {
                    let node = try cluster.addNode()
                    node.apiAuthority = node.dataDirectory + "/tls/ca.pem"
                }
                try cluster.start(3)
                let follower = try #require(cluster.followers().first)
                let leader = try cluster.leader()
                // Passed on by https; commands and proxies go by it too.
                let ddl = try follower.http(
                    "POST", "/write/ddl", body: #"{"ddl": "CREATE TABLE t (id BIGINT PRIMARY KEY)"}"#)
                #expect(ddl.status == 200, "\(String(decoding: ddl.body, as: UTF8.self))")
                #expect(try cluster.command(follower, ["status"]).contains("(https://127.0.0.1:\(leader.apiPort))"))
                try cluster.command(follower, ["switchover", "--to", follower.id])
                let administrator = try cluster.waitUntilWritable().administrator()
                try administrator.query("CREATE USER router@'127.0.0.1' IDENTIFIED BY 'routes'")
                try administrator.query("GRANT SELECT ON mysql.global_priv TO router@'127.0.0.1'")
                let proxy = try StandaloneProxy(in: cluster.folder, member: leader, user: "router", password: "routes")
                defer { proxy.end() }
                let session = try Lab.eventually("a session through the proxy") { try proxy.client() }
                try session.query("INSERT INTO t VALUES (1)")
                let plain = try Lab.run(
                    "curl", ["-sS", "-m", "5", "http://127.0.0.1:\(leader.apiPort)/health"], expecting: nil)
                #expect(plain.status != 0)

                try metricsAreAsDocumented(cluster)

                let agent = leader.agentPID
                func serial() throws -> String {
                    try Lab.run(
                        "sh",
                        [
                            "-c",
                            "openssl s_client -connect 127.0.0.1:\(leader.apiPort) </dev/null 2>&1 | openssl x509 -noout -serial",
                        ]
                    ).output
                }
                let before = try serial()
                try cluster.certify(leader === cluster.nodes[0] ? follower : leader)
                if leader === cluster.nodes[0] {
                    try cluster.command(leader, ["cert", "issue", leader.id, "--address", leader.host, "--force"])
                }
                try Lab.eventually("the new certificate is in use", within: .seconds(15)) { try serial() != before }
                #expect(leader.agentPID == agent)
                try cluster.waitUntilComplete()
            }
        }

        private func metricsAreAsDocumented(_ cluster: LabCluster) throws {
            let leader = try cluster.leader()
            let client = try leader.proxyClient()
            for id in 100..<150 { try client.query("INSERT INTO t VALUES (\(id))") }
            let metrics = try MetricsCheck.read(leader)
            try MetricsCheck.requireTable(
                metrics, without: ["wolfscale_galera_", "wolfscale_bridge_", "wolfscale_proxy_member_"])
            #expect(metrics.value("wolfscale_raft_is_leader") == 1 && metrics.value("wolfscale_database_writable") == 1)
            #expect(metrics.value("wolfscale_members", ["state": "active"]) == 3)
            #expect(metrics.value("wolfscale_capture_transactions_total") ?? 0 >= 50)
            #expect(metrics.value("wolfscale_proxy_commands_total", ["route": "leader"]) ?? 0 >= 50)
            #expect(metrics.value("wolfscale_log_sync_duration_seconds_count") ?? 0 > 0)
            #expect(metrics.value("process_resident_memory_bytes") ?? 0 > 1_000_000)
            let follower = try MetricsCheck.read(#require(cluster.followers().first))
            #expect(follower.value("wolfscale_raft_state", ["state": "follower"]) == 1)
            #expect(follower.value("wolfscale_relay_entries_total") ?? 0 >= 50)
            #expect(follower.value("wolfscale_raft_term") == metrics.value("wolfscale_raft_term"))
        }

        private func token(_ cluster: LabCluster, _ node: LabNode, _ arguments: [String]) throws -> String {
            let output = try cluster.command(node, ["token", "create"] + arguments)
            return try #require(output.split(separator: "\n").map(String.init).first { $0.hasPrefix("wolfscale_") })
        }

        private func bearer(_ token: String) -> [String: String] { ["Authorization": "Bearer \(token)"] }

        private func post(_ node: LabNode, _ path: String, _ body: String, _ token: String) throws -> Int {
            try node.http("POST", path, body: body, headers: bearer(token)).status
        }
    }
}
