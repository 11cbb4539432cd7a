import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// Servers that somebody else set up: the same promises, through `database.start_command` and `database.fence_command`.
    @Suite struct AttachedTests {
        @Test func attachedServersFailOverAndComeBack() throws {
            try LabTests.withCluster("attached", nodes: 0) { cluster in
                for _ in 1...3 {
                    let node = try cluster.addNode()
                    try node.writeConfiguration(LabCluster.quickElections.merging(try node.attachDatabase()) { $1 })
                }
                try cluster.start(3)
                try Workload.prepare(cluster)
                let workload = Workload(cluster: cluster, clients: 4)
                workload.start()
                defer { workload.stop() }
                var injector = FaultInjector(cluster: cluster, network: nil, seed: 1)
                for fault in [Fault.databaseKilled, .bothKilled, .agentFrozen, .switchover] {
                    let before = workload.acknowledgedCount
                    try Lab.eventually("writes go on") { workload.acknowledgedCount > before + 20 }
                    try injector.inflict(fault)
                }
                workload.stop()
                try cluster.requireEqual()
                let verdict = try workload.check(try cluster.waitUntilWritable())
                #expect(verdict.isClean, "\(verdict)")
                for node in cluster.nodes {
                    let number = try node.status().node.number
                    #expect(try node.administrator().query("SELECT @@server_id").scalar == "\(number)")
                }
            }
        }

        @Test func aServerThatSomebodyElseRestartsIsNoticed() throws {
            try LabTests.withCluster("restarted", nodes: 0) { cluster in
                let node = try cluster.addNode()
                try node.writeConfiguration(LabCluster.quickElections.merging(try node.attachDatabase()) { $1 })
                try cluster.start(1)
                try node.client().query("CREATE TABLE t (id INT PRIMARY KEY)")
                try Lab.eventually("it has run for a while") {
                    try node.administrator().query("SHOW GLOBAL STATUS LIKE 'Uptime'").rows.first?[1] ?? "0" > "3"
                }
                // As an impatient init system does it: gone and back before anybody has asked.
                let old = try #require(node.databasePID)
                try Lab.run("bash", ["-c", "bash \(node.folder)/server/fence.sh; bash \(node.folder)/server/start.sh"])
                try Lab.eventually("writes go on in the new server") {
                    try node.client().query("REPLACE INTO t VALUES (1)")
                    return node.databasePID != old
                }
            }
        }

        @Test func wrongSettingsAndPasswordsAreNamedWithTheirRemedy() throws {
            try LabTests.withCluster("wrong-settings", nodes: 0) { cluster in
                let node = try cluster.addNode()
                let database = try node.attachDatabase(options: ["sync_binlog=0", "rpl_semi_sync_master_timeout=10000"])
                try node.writeConfiguration(database)
                try Lab.run("bash", ["\(node.folder)/server/start.sh"])
                try Lab.eventually("the server answers") { try node.administrator().query("SELECT 1").scalar == "1" }
                let remedies = ["sync_binlog = 1", "rpl_semi_sync_master_timeout = 18446744073709551615"]
                for arguments in [["validate"], ["start", "--bootstrap"]] {
                    try LabTests.requireRefusal(node, arguments, saying: remedies)
                }
                try node.administrator().query("SET GLOBAL sync_binlog = 1")
                try node.administrator().query("SET GLOBAL rpl_semi_sync_master_timeout = 18446744073709551615")
                #expect(try Lab.run(Lab.agent, ["validate", "--config", node.configuration]).status == 0)
                var wrong = database
                wrong["database", default: []] += ["password = \"no\""]
                wrong["database"] = wrong["database"]?.map { $0 == "user = \"root\"" ? "user = \"nobody\"" : $0 }
                try node.writeConfiguration(wrong)
                for arguments in [["validate"], ["start", "--bootstrap"]] {
                    try LabTests.requireRefusal(node, arguments, saying: ["denied", "database.password"])
                }
            }
        }
    }
}
