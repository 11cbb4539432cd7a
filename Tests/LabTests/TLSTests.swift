import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// Clusters whose members talk TLS.
    @Suite struct TLSTests {
        /// Three hosts with addresses of their own: one makes the CA, one joins with a token, one with files brought by hand.
        @Test(.enabled(if: LabNetwork.isAvailable, "network namespaces need root and nft"))
        func aClusterOverANetworkWithCertificates() throws {
            let network = try LabNetwork(hosts: 3)
            defer { network.remove() }
            try LabTests.withCluster("tls", nodes: 0, tls: true) { cluster in
                let first = try cluster.addNode(host: network.address(1), prefix: network.prefix(1))
                let second = try cluster.addNode(
                    host: network.address(2), prefix: network.prefix(2), certificate: false)
                try requireRefusal(cluster, second, ["start"], saying: ["without certificates", "wolfscale cert init"])
                try first.start(.bootstrap)
                try cluster.waitUntilWritable(within: .seconds(120))

                let token = try cluster.token()
                try second.start(.joinWithToken(first.address, token))
                let third = try cluster.addNode(host: network.address(3), prefix: network.prefix(3))
                try third.start(.join(first.address))
                try cluster.waitUntilComplete()
                for node in cluster.nodes {
                    let tls = try tlsStatus(node)
                    #expect(tls["enabled"] as? Bool == true && tls["certificate"] as? String == node.id)
                }
                let client = try cluster.leader().client()
                try client.query("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)")
                for row in 1...50 { try client.query("INSERT INTO t VALUES (\(row), UUID())") }
                try cluster.requireEqual()

                try aTokenIsGoodOnce(cluster, token: token, at: network.prefix(3), through: first)
                try certificatesAreTakenWithoutARestart(cluster, first)
                try aRemovedMemberStaysOut(cluster, third, through: first)
            }
        }

        private func tlsStatus(_ node: LabNode) throws -> [String: Any] {
            let answer = try node.http("GET", "/status")
            let status = try JSONSerialization.jsonObject(with: answer.body) as? [String: Any]
            return try #require(status?["tls"] as? [String: Any])
        }

        private func requireRefusal(
            _ cluster: LabCluster, _ node: LabNode, _ arguments: [String], saying words: [String],
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let command = node.prefix + ["timeout", "60", Lab.agent] + arguments + ["--config", node.configuration]
            let result = try Lab.run(command[0], Array(command.dropFirst()), expecting: nil)
            #expect(result.status != 0 && result.status != 124, "exit \(result.status)", sourceLocation: sourceLocation)
            for word in words {
                #expect(result.output.contains(word), "\(result.output.suffix(600))", sourceLocation: sourceLocation)
            }
        }

        private func aTokenIsGoodOnce(
            _ cluster: LabCluster, token: String, at prefix: [String], through first: LabNode
        ) throws {
            let stranger = try LabNode(id: "stranger", folder: cluster.folder + "/stranger", host: "127.0.0.1")
            stranger.prefix = prefix
            stranger.isSecured = true
            try stranger.writeConfiguration()
            try requireRefusal(cluster, stranger, ["join", first.address, "--token", token], saying: ["used already"])
            try requireRefusal(
                cluster, stranger, ["join", first.address, "--token", String(token.dropLast())], saying: ["no token"])
        }

        private func certificatesAreTakenWithoutARestart(_ cluster: LabCluster, _ node: LabNode) throws {
            let agent = node.agentPID
            try cluster.command(node, ["cert", "issue", node.id, "--days", "20", "--force"])
            try Lab.eventually("the new certificate is in use", within: .seconds(10)) {
                (try tlsStatus(node)["days_left"] as? Int ?? 0) < 20
            }
            let warnings = try node.http("GET", "/status").body
            #expect(String(decoding: warnings, as: UTF8.self).contains("the certificate of this node ends in 19 days"))
            #expect(node.agentPID == agent)
            try cluster.waitUntilComplete()
        }

        private func aRemovedMemberStaysOut(_ cluster: LabCluster, _ node: LabNode, through first: LabNode) throws {
            let leader = try cluster.leader()
            let removed = leader === node ? try #require(cluster.nodes.first { $0 !== node && $0 !== first }) : node
            let answer = try leader.http("DELETE", "/cluster/members/\(removed.id)")
            #expect(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
            removed.endAgent(SIGKILL)
            removed.signalDatabase(SIGKILL)
            try Lab.eventually("its database is gone") { removed.databasePID == nil }
            let data = removed.dataDirectory
            for name in try FileManager.default.contentsOfDirectory(atPath: data) where name != "tls" {
                try FileManager.default.removeItem(atPath: data + "/" + name)
            }
            try requireRefusal(
                cluster, removed, ["join", first.address], saying: ["was removed on", "wolfscale cert token"])
        }
    }
}
