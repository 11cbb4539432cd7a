import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

/// Two real Galera clusters and a bridge between them.
@Suite(.serialized)
struct BridgeTests {
    /// Runs `body` on a bridge and takes it away whatever happens; on failure the ends of the agents' logs are printed.
    static func withBridge(
        _ name: String, nodes: Int = 3, witness: Bool = false, settings: [String: [String]] = [:],
        wan line: Line? = nil, _ body: (BridgeLab) throws -> Void
    ) throws {
        let lab = try BridgeLab(name: name, nodes: nodes, witness: witness, settings: settings, wan: line)
        defer { lab.remove() }
        do {
            try lab.start()
            try body(lab)
        } catch {
            for agent in lab.agents { print("--- \(agent.id)\n\(lab.tail(agent, lines: 40))") }
            for node in lab.clusters.flatMap(\.nodes) { print("--- \(node.name)\n\(node.tail())") }
            throw error
        }
    }

    @Test func writesOnAnyNodeArriveInTheOtherClusterWhateverNodeDies() throws {
        try Self.withBridge("bridge-basic") { lab in
            try BridgeWorkload.prepare(lab.a)
            let workload = BridgeWorkload(lab: lab, clients: 4)
            workload.start()
            defer { workload.stop() }
            func goOn(_ what: String) throws {
                let before = workload.acknowledgedCount
                try Lab.eventually("writes go on \(what)", within: .seconds(30)) {
                    workload.acknowledgedCount > before + 50
                }
            }
            try goOn("at first")
            try metricsAreAsDocumented(lab)
            let source = try #require(try lab.nodeInUse(lab.agentA))
            source.kill()
            try goOn("after the source's death")
            let target = try #require(try lab.nodeInUse(lab.agentB))
            target.kill()
            try goOn("after the target's death")
            try lab.a.restart(source)
            try lab.b.restart(target)
            try goOn("with all nodes back")
            workload.stop()
            try lab.waitUntilEqualPositions(from: lab.a)
            #expect(try lab.requireEqual() > 100)
            for node in lab.b.nodes { #expect(try workload.missing(on: node).isEmpty) }
        }
    }

    private func metricsAreAsDocumented(_ lab: BridgeLab) throws {
        let primary = try MetricsCheck.read(lab.agentA)
        let absent = ["wolfscale_proxy_", "wolfscale_tls_"]
        try MetricsCheck.requireTable(primary, without: absent + ["wolfscale_bridge_channel_lag_"])
        let verdicts = primary.samples("wolfscale_galera_verdict").filter { $0.labels["verdict"] == "healthy" }
        #expect(verdicts.count == lab.a.nodes.count && verdicts.allSatisfy { $0.value == 1 })
        #expect(primary.samples("wolfscale_galera_in_use").filter { $0.value == 1 }.count == 1)
        #expect(primary.value("wolfscale_capture_transactions_total") ?? 0 >= 50)
        let replica = try MetricsCheck.read(lab.agentB)
        try MetricsCheck.requireTable(replica, without: absent)
        #expect(replica.value("wolfscale_bridge_channel_running") == 1)
        #expect(replica.samples("wolfscale_galera_read_only").allSatisfy { $0.value == 1 })
    }

    @Test func aSwitchoverMovesThePrimarySiteThereAndBack() throws {
        try Self.withBridge("bridge-switchover") { lab in
            try BridgeWorkload.prepare(lab.a)
            let workload = BridgeWorkload(lab: lab, clients: 4)
            workload.start()
            defer { workload.stop() }
            for (target, agent) in [("agent-b", lab.agentA), ("agent-a", lab.agentB), ("agent-b", lab.agentA)] {
                let before = workload.acknowledgedCount
                try Lab.eventually("writes go on", within: .seconds(30)) { workload.acknowledgedCount > before + 50 }
                // Refused, with the reason, as long as the other site has not said that it is ready.
                try Lab.eventually("\(target) takes over", within: .seconds(30), every: .milliseconds(200)) {
                    let answer = try agent.http(
                        "POST", "/cluster/switchover", body: "{\"to\":\"\(target)\"}", timeout: 60)
                    guard answer.status == 200 else { throw LabError(String(decoding: answer.body, as: UTF8.self)) }
                    return true
                }
                let new = target == "agent-a" ? lab.agentA : lab.agentB
                try lab.waitUntil(new, is: "primary")
                try lab.waitUntil(agent, is: "replica")
            }
            let before = workload.acknowledgedCount
            try Lab.eventually("writes go on", within: .seconds(30)) { workload.acknowledgedCount > before + 50 }
            workload.stop()
            try lab.waitUntilEqualPositions(from: lab.b)
            try lab.requireEqual()
            for node in lab.a.nodes { #expect(try workload.missing(on: node).isEmpty) }
            // What clients met was a read-only node or the end of a statement, nothing else.
            #expect(Set(workload.refused.keys).isSubset(of: [0, 1290, 1213, 1836, 1047, 1205]), "\(workload.refused)")
            #expect(try lab.agentB.status().raft.leaderId == "agent-b")
        }
    }

    @Test func aForcedFailoverExportsWhatTheLostSiteHadMore() throws {
        try Self.withBridge("bridge-forced", wan: .ideal) { lab in
            try BridgeWorkload.prepare(lab.a)
            try lab.waitUntilEqualPositions(from: lab.a)
            for line in lab.lines {
                line.setRefusing(true)
                line.cut()
            }
            let session = try lab.a.nodes[1].client()
            for id in 1...7 { try session.query("INSERT INTO appends VALUES (\(id), 'a2', 'only at A')") }
            let asked = try Lab.eventually("site A is found lost", within: .seconds(30)) {
                () -> (status: Int, body: Data)? in
                let answer = try lab.agentB.http("POST", "/cluster/switchover", body: "{\"force\":true}", timeout: 30)
                return answer.status == 200 ? answer : nil
            }
            #expect(asked.status == 200)
            try lab.waitUntil(lab.agentB, is: "primary")
            let other = try lab.b.nodes[2].client()
            for id in 101...105 { try other.query("INSERT INTO appends VALUES (\(id), 'b3', 'at B')") }
            for line in lab.lines { line.setRefusing(false) }
            try lab.waitUntil(lab.agentA, is: "diverged")
            try Lab.eventually("its nodes take no writes", within: .seconds(15)) {
                try session.query("SELECT @@read_only").scalar == "1"
            }
            try Lab.eventually("the orphans are exported", within: .seconds(30)) {
                let orphans = try lab.status(lab.agentA)["orphans"] as? [[String: Any]] ?? []
                guard let orphan = orphans.first, let path = orphan["sql_file"] as? String else { return false }
                #expect(orphan["transactions"] as? Int == 7)
                let text = try String(contentsOfFile: path, encoding: .utf8)
                #expect(text.components(separatedBy: "### INSERT INTO").count - 1 == 7)
                return true
            }
            // Exactly those are missing at B.
            let held = try other.query("SELECT COUNT(*), MIN(id), MAX(id) FROM appends").rows[0]
            #expect(held == ["5", "101", "105"])
        }
    }

    /// The line is away for long, and much is written meanwhile; `WOLFSCALE_LAB_OUTAGE_MB` says how much.
    @Test func aLongOutageIsCaughtUpWithoutHoldingThePrimaryUp() throws {
        let megabytes = Int(ProcessInfo.processInfo.environment["WOLFSCALE_LAB_OUTAGE_MB"] ?? "") ?? 96
        try Self.withBridge("bridge-outage", wan: .ideal) { lab in
            let clients = try lab.a.nodes.map { try $0.client(readTimeout: .seconds(120)) }
            try clients[0].query("CREATE TABLE outage (id BIGINT AUTO_INCREMENT PRIMARY KEY, a VARBINARY(1000))")
            try lab.waitUntilEqualPositions(from: lab.a)
            for line in lab.lines {
                line.setRefusing(true)
                line.cut()
            }
            for number in 0..<megabytes {
                try clients[number % clients.count].query(
                    "INSERT INTO outage (a) SELECT RANDOM_BYTES(1000) FROM seq_1_to_1000")
            }
            try Lab.eventually("the agent has captured it", within: .seconds(300)) {
                try lab.agentA.status().log.durableLsn > UInt64(megabytes)
            }
            let before = try clients.map(Self.pausedByFlowControl)
            for line in lab.lines { line.setRefusing(false) }
            try lab.waitUntilEqualPositions(from: lab.a, within: .seconds(Double(60 + megabytes)))
            #expect(try clients.map(Self.pausedByFlowControl) == before)
            // So many rows of noise are not compared one by one.
            let sums = try lab.clusters.flatMap(\.nodes).map { node in
                try node.client(readTimeout: .seconds(300)).query("CHECKSUM TABLE outage").rows.first?[1]
            }
            #expect(Set(sums).count == 1 && sums[0] != nil && sums[0] != "0", "\(sums)")
            for agent in [lab.agentA, lab.agentB] {
                let peak = ProcessUsage.peakResidentMB(try #require(agent.agentPID))
                print("\(agent.id): at most \(Int(peak)) MB resident")
                #expect(peak < 150)
            }
        }
    }

    /// Nanoseconds in which the node's cluster was held up because a member could not follow.
    private static func pausedByFlowControl(_ session: SQLSession) throws -> String? {
        try session.query("SHOW STATUS LIKE 'wsrep_flow_control_paused_ns'").rows.first?[1]
    }

    @Test func whatStopsTheApplierIsExplainedAndNothingIsSkipped() throws {
        try Self.withBridge("bridge-stopped") { lab in
            try BridgeWorkload.prepare(lab.a)
            try lab.waitUntilEqualPositions(from: lab.a)
            let writer = try lab.a.nodes[0].client()
            let schema = LabNode.schema
            // A schema change made outside the cluster, node by node, is no transaction of it.
            for node in lab.b.nodes {
                let session = try node.administrator()
                try session.query("SET SESSION wsrep_on = OFF, sql_log_bin = 0")
                try session.query("RENAME TABLE \(schema).appends TO \(schema).elsewhere")
            }
            try writer.query("INSERT INTO appends VALUES (1, 'a1', 'waits')")
            try lab.waitUntil(lab.agentB, is: "faulted")
            let trouble = try lab.site(lab.agentB)["trouble"] as? String ?? ""
            #expect(trouble.contains("1146") && trouble.contains("appends"), "\(trouble)")
            for node in lab.b.nodes {
                let session = try node.administrator()
                try session.query("SET SESSION wsrep_on = OFF, sql_log_bin = 0")
                try session.query("RENAME TABLE \(schema).elsewhere TO \(schema).appends")
            }
            _ = try lab.agentB.http("POST", "/bridge/retry", body: "{}")
            try lab.waitUntil(lab.agentB, is: "replica")
            try lab.waitUntilEqualPositions(from: lab.a)
            try lab.requireEqual()

            // A stray write, as an administrator, whom read_only does not bind; then the same row comes from A.
            let stray = try lab.b.nodes[0].administrator()
            try stray.query("INSERT INTO \(schema).appends VALUES (4711, 'b1', 'stray')")
            try Lab.eventually("the stray write is warned of") {
                let warnings = try lab.status(lab.agentB)["warnings"] as? [String] ?? []
                return warnings.contains { $0.contains("although it is fed") }
            }
            try writer.query("INSERT INTO appends VALUES (4711, 'a1', 'the real one')")
            try lab.waitUntil(lab.agentB, is: "diverged")
            try stray.query("DELETE FROM \(schema).appends WHERE id = 4711")
            try Lab.eventually("they are exported, and accepted") {
                let answer = try lab.agentB.http(
                    "POST", "/bridge/retry", body: "{\"accept_orphans\":true}", timeout: 30)
                return answer.status == 200
            }
            try lab.waitUntil(lab.agentB, is: "replica")
            try lab.waitUntilEqualPositions(from: lab.a)
            try lab.requireEqual()
        }
    }

    @Test func withAWitnessTheOtherSiteTakesOverByItself() throws {
        try Self.withBridge("bridge-witness", witness: true) { lab in
            try BridgeWorkload.prepare(lab.a)
            try lab.waitUntilEqualPositions(from: lab.a)
            lab.agentA.endAgent(SIGKILL)
            // Nobody captures this any more.
            let session = try lab.a.nodes[0].client()
            for id in 1...3 { try session.query("INSERT INTO appends VALUES (\(id), 'a1', 'only at A')") }
            try lab.waitUntil(lab.agentB, is: "primary")
            try lab.b.nodes[0].client().query("INSERT INTO appends VALUES (100, 'b1', 'at B')")
            try lab.agentA.start(.again)
            try lab.waitUntil(lab.agentA, is: "diverged")
            try Lab.eventually("its nodes take no writes", within: .seconds(15)) {
                try session.query("SELECT @@read_only").scalar == "1"
            }
            try Lab.eventually("the orphans are exported") {
                (try lab.status(lab.agentA)["orphans"] as? [[String: Any]])?.first?["transactions"] as? Int == 3
            }
            // Dealt with by hand: undone here, as an administrator, and said so.
            try lab.a.nodes[0].administrator().query("DELETE FROM \(LabNode.schema).appends WHERE id <= 3")
            let answer = try lab.agentA.http("POST", "/bridge/retry", body: "{\"accept_orphans\":true}", timeout: 30)
            #expect(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
            try lab.waitUntil(lab.agentA, is: "replica")
            try lab.waitUntilEqualPositions(from: lab.b)
            try lab.requireEqual()
        }
    }

    /// Restored from an older backup, or all hosts crashed and the last commits were not on their disks.
    @Test func aSiteThatWasSetBackIsFoundOutOnEitherSide() throws {
        try Self.withBridge("bridge-setback") { lab in
            try BridgeWorkload.prepare(lab.a)
            let writer = try lab.a.nodes[0].client()
            try writer.query("INSERT INTO appends VALUES (1, 'a1', 'in the backup')")
            try lab.waitUntilEqualPositions(from: lab.a)
            let backups = try lab.clusters.map { cluster in
                try cluster.backUp(cluster.nodes[2])
            }
            for id in 2...20 { try writer.query("INSERT INTO appends VALUES (\(id), 'a1', 'after the backup')") }
            try lab.waitUntilEqualPositions(from: lab.a)

            // The site that is fed lost nothing of its own, so it is fed again.
            try lab.b.restore(backups[1])
            try lab.waitUntil(lab.agentB, is: "replica")
            try lab.waitUntilEqualPositions(from: lab.a)
            #expect(try lab.requireEqual() >= 20)

            // The primary lost what the other site has, under GTIDs that it would give anew.
            try lab.a.restore(backups[0])
            try lab.waitUntil(lab.agentA, is: "provisioning")
            let trouble = try lab.site(lab.agentA)["trouble"] as? String ?? ""
            #expect(trouble.contains("older backup") && trouble.contains("switchover --to"), "\(trouble)")
            for node in lab.a.nodes {
                try Lab.eventually("\(node.name) takes no writes") {
                    try node.client().query("SELECT @@read_only").scalar == "1"
                }
            }
            try Lab.eventually("the other site takes over", within: .seconds(60), every: .milliseconds(200)) {
                let answer = try lab.agentA.http(
                    "POST", "/cluster/switchover", body: "{\"to\":\"agent-b\"}", timeout: 60)
                guard answer.status == 200 else { throw LabError(String(decoding: answer.body, as: UTF8.self)) }
                return true
            }
            try lab.waitUntil(lab.agentB, is: "primary")
            let other = try lab.b.nodes[0].client()
            #expect(try other.query("SELECT COUNT(*) FROM appends").scalar == "20")
            try other.query("INSERT INTO appends VALUES (21, 'b1', 'goes on')")
        }
    }
}
