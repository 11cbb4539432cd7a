import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// One fault each, on clusters of every size.
    @Suite struct FailoverTests {
        @Test func aClusterOfOneWorksAndComesBack() throws {
            try LabTests.withCluster("one", nodes: 1) { cluster in
                let node = cluster.nodes[0]
                try node.client().query("CREATE TABLE t (id INT PRIMARY KEY)")
                try node.client().query("INSERT INTO t VALUES (1)")
                node.signalDatabase(SIGKILL)
                try Lab.eventually("the write after the crash") {
                    try node.client().query("INSERT INTO t VALUES (2)").affectedRows == 1
                }
                node.endAgent(SIGTERM)
                #expect(node.exitStatus == 0)
                #expect(node.databasePID == nil)
                try node.start(.again)
                try cluster.waitUntilWritable()
                #expect(try node.client().query("SELECT COUNT(*) FROM t").scalar == "2")
            }
        }

        @Test func aClusterOfTwoRefusesAutomaticFailoverAndSaysSo() throws {
            try LabTests.withCluster("two", nodes: 2) { cluster in
                let leader = try cluster.leader()
                let other = try #require(cluster.followers().first)
                let warnings = try warnings(other)
                #expect(warnings.contains { $0.contains("two") && $0.contains("failover") })
                leader.endAgent(SIGKILL)
                leader.signalDatabase(SIGKILL)
                try Lab.eventually("the survivor knows that nobody leads") { try other.status().raft.leaderId == nil }
                let answer = try other.http("GET", "/health")
                #expect(answer.status == 503)
                #expect(try other.administrator().query("SELECT @@read_only").scalar == "1")
                try leader.start(.again)
                try cluster.waitUntilComplete()
            }
        }

        @Test func aClusterOfFiveSurvivesTwoHosts() throws {
            try LabTests.withCluster("five", nodes: 5) { cluster in
                try cluster.leader().client().query("CREATE TABLE t (id INT PRIMARY KEY)")
                for round in 1...2 {
                    let leader = try cluster.waitUntilWritable()
                    try leader.client().query("INSERT INTO t VALUES (\(round))")
                    leader.endAgent(SIGKILL)
                    leader.signalDatabase(SIGKILL)
                }
                let third = try cluster.waitUntilWritable()
                try third.client().query("INSERT INTO t VALUES (3)")
                for node in cluster.nodes where !node.agentIsRunning { try node.start(.again) }
                try cluster.waitUntilComplete()
                try cluster.requireEqual()
                #expect(try third.administrator().query("SELECT COUNT(*) FROM shop.t").scalar == "3")
            }
        }

        /// I5 and the issue of polite stops: whatever was confirmed is there, and what waited was never told success.
        @Test func aPoliteStopOfTheLeaderUnderLoadLosesNothing() throws {
            try LabTests.withCluster("polite") { cluster in
                try Workload.prepare(cluster)
                let workload = Workload(cluster: cluster, clients: 4)
                workload.start()
                try Lab.eventually("writes are going on") { workload.acknowledgedCount > 100 }
                let leader = try cluster.leader()
                leader.endAgent(SIGTERM)
                #expect(leader.exitStatus == 0)
                #expect(leader.databasePID == nil)
                let before = workload.acknowledgedCount
                try Lab.eventually("writes go on elsewhere") { workload.acknowledgedCount > before + 100 }
                try leader.start(.again)
                try cluster.waitUntilComplete()
                workload.stop()
                try cluster.requireEqual()
                for node in cluster.nodes {
                    let verdict = try workload.check(node)
                    #expect(verdict.isClean, "\(node.id): \(verdict)")
                }
            }
        }

        @Test func aSwitchoverByRequestMovesTheLeader() throws {
            try LabTests.withCluster("switchover") { cluster in
                let leader = try cluster.leader()
                let target = try #require(cluster.followers().last)
                let answer = try leader.http("POST", "/cluster/switchover", body: "{\"to\": \"\(target.id)\"}")
                #expect(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
                #expect(try cluster.waitUntilWritable() === target)
                try cluster.waitUntilComplete()
                let refused = try target.http("POST", "/cluster/switchover", body: "{\"to\": \"nobody\"}")
                #expect(refused.status == 404)
            }
        }

        private func warnings(_ node: LabNode) throws -> [String] {
            let answer = try node.http("GET", "/status")
            let object = try JSONSerialization.jsonObject(with: answer.body) as? [String: Any]
            return object?["warnings"] as? [String] ?? []
        }
    }
}
