import ArgumentParser
import Foundation
import LabSupport

struct BridgeLocal: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bridge-local", abstract: "Two Galera clusters and a bridge on this machine, to look at.")

    @Flag(help: "Runs through it without questions, and ends.") var demo = false
    @Flag(help: "With a witness at a third site.") var witness = false

    func run() throws {
        say("starting two Galera clusters of three nodes")
        let lab = try BridgeLab(name: "bridge-local", witness: witness)
        defer { lab.remove() }
        try lab.startClusters()
        say("starting an agent beside each" + (witness ? ", and the witness" : ""))
        try lab.startAgents()
        try BridgeWorkload.prepare(lab.a)
        for agent in lab.agents { printLine("  \(agent.id): wolfscale status --config \(agent.configuration)") }
        let workload = BridgeWorkload(lab: lab, clients: 3, restMicroseconds: 5_000)
        workload.start()
        defer { workload.stop() }
        if demo {
            try show(lab, workload)
        } else {
            say("clients write on all nodes of A. Kill what you like; Enter ends it")
            for node in lab.clusters.flatMap(\.nodes) {
                printLine("  \(node.name): port \(node.port), process \(node.pid.map { "\($0)" } ?? "-")")
            }
            _ = readLine()
        }
        workload.stop()
        say("comparing all nodes row by row")
        let source = try lab.primary().cluster
        try lab.waitUntilEqualPositions(from: source)
        let rows = try lab.requireEqual()
        say("\(workload.acknowledgedCount) writes acknowledged; \(rows) rows, the same on every node")
    }

    private func show(_ lab: BridgeLab, _ workload: BridgeWorkload) throws {
        try goOn(workload)
        if let source = try lab.nodeInUse(lab.agentA) {
            say("killing \(source.name), which the bridge reads from")
            source.kill()
            try goOn(workload)
            try Lab.eventually("the bridge has moved") { try lab.nodeInUse(lab.agentA).map { $0 !== source } ?? false }
            say(
                "the bridge reads from \(try lab.nodeInUse(lab.agentA)?.name ?? "nobody") now; \(source.name) comes back"
            )
            try lab.a.restart(source)
        }
        say("switching over to B")
        try Lab.eventually("the switchover is done", within: .seconds(30), every: .milliseconds(500)) {
            let answer = try lab.agentA.http("POST", "/cluster/switchover", body: "{\"to\":\"agent-b\"}", timeout: 60)
            let text = String(decoding: answer.body, as: UTF8.self)
            guard answer.status == 200 else { throw LabError(text) }
            printLine("  " + text)
            return true
        }
        try goOn(workload)
        let status = try Lab.run(Lab.agent, ["status", "--config", lab.agentB.configuration]).output
        printLine(status)
    }

    private func goOn(_ workload: BridgeWorkload) throws {
        let before = workload.acknowledgedCount
        try Lab.eventually("writes go on", within: .seconds(60)) { workload.acknowledgedCount > before + 100 }
    }

    private func say(_ text: String) { printLine("── \(text)") }
}
