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
