import ClusterCore
import Dispatch
import Foundation
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// `replication.max_apply_lag_mb`: the leader waits for a follower that does not keep up.
    @Suite struct ThrottleTests {
        private func throttling(_ node: LabNode) throws -> [String] {
            let status = try JSONSerialization.jsonObject(with: node.http("GET", "/status").body) as? [String: Any]
            return (status?["warnings"] as? [String] ?? []).filter { $0.contains("commits are slowed down") }
        }

        @Test func commitsWaitForASlowApplierAndGoOn() throws {
            let settings = ["replication": ["max_apply_lag_mb = 4"]]
            try LabTests.withCluster("throttle", settings: settings) { cluster in
                let leader = try cluster.leader()
                let slow = try cluster.followers()[0]
                try leader.client().query("CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)")
                try cluster.waitUntilApplied()
                let lock = try slow.administrator()
                try lock.query("LOCK TABLES \(LabNode.schema).t READ")

                // Much more than may be written until the leader looks, twice a second.
                let rows = 60
                let isWritten = DispatchSemaphore(value: 0)
                let writer = Thread {
                    do {
                        let client = try leader.client(readTimeout: .seconds(120))
                        var generator = SplitMix64(seed: 3)
                        let noise = LinkTests.noise(&generator)
                        for id in 1...rows { try client.query("INSERT INTO t VALUES (\(id), \(noise))") }
                        isWritten.signal()
                    } catch { print("the writer ended: \(error)") }
                }
                writer.start()
                try Lab.eventually("status says who is waited for", within: .seconds(60)) {
                    try throttling(leader).contains { $0.contains(slow.id) && $0.contains("max_apply_lag_mb") }
                }
                // What came through before the gate closed; from now on nothing does.
                let count = { try leader.client().query("SELECT COUNT(*) FROM t").scalar.flatMap { Int($0) } ?? 0 }
                let held = try count()
                #expect(held < rows)
                #expect(isWritten.wait(timeout: .now() + 3) == .timedOut)
                #expect(try count() == held, "no commit goes through while it waits")
                #expect(try leader.status().raft.state == "leader", "waiting is no failure")

                try lock.query("UNLOCK TABLES")
                #expect(isWritten.wait(timeout: .now() + 90) == .success)
                try Lab.eventually("it says so no more", within: .seconds(30)) { try throttling(leader).isEmpty }
                try cluster.requireEqual()
            }
        }
    }
}
