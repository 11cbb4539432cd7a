import ArgumentParser
import Foundation
import LabSupport

struct BridgeChaos: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos-bridge",
        abstract: "Faults at random on two Galera clusters and the bridge between them, under load on all nodes of one."
    )

    @Option(help: "How many faults.") var faults = 32
    @Option(help: "Repeats a run.") var seed: UInt64 = UInt64.random(in: 0 ... .max)
    @Option(help: "How many nodes a cluster has.") var nodes = 3
    @Option(help: "How many clients write meanwhile.") var clients = 6
    @Option(help: "Microseconds that a client rests after a write, so that the other site can keep up.")
    var rest: UInt32 = 10_000
    @Option(help: "Only these faults, separated by commas.") var only: String?
    @Flag(help: "One JSON object a line.") var json = false
    @Flag(help: "Leave the folder of the run.") var keep = false

    func run() throws {
        progress("seed \(seed)")
        let lab = try BridgeLab(name: "chaos-bridge", nodes: nodes, wan: Line(delay: .milliseconds(10)))
        progress("folder \(lab.folder)")
        var failed = true
        defer { lab.remove(keep: keep || failed) }
        try lab.start()
        try BridgeWorkload.prepare(lab.a)
        var injector = BridgeFaultInjector(lab: lab, seed: seed)
        let workload = BridgeWorkload(lab: lab, clients: clients, restMicroseconds: rest)
        workload.start()
        let plan = try wanted() ?? injector.plan(faults)
        for (index, fault) in plan.enumerated() {
            let mark = Workload.now
            let before = workload.acknowledgedCount
            do {
                try injector.inflict(fault)
                try Lab.eventually("writes go on after \(fault)", within: .seconds(60)) {
                    workload.acknowledgedCount > before + 20
                }
            } catch {
                for agent in lab.agents { progress("--- \(agent.id)\n\(lab.tail(agent, lines: 40))") }
                for node in lab.clusters.flatMap(\.nodes) { progress("--- \(node.name)\n\(node.tail())") }
                throw error
            }
            let gap = Int((workload.longestGap(since: mark) * 1_000).rounded())
            if json {
                try printJSON([
                    "fault": fault.rawValue, "number": index + 1, "gap_ms": gap,
                    "acknowledged": workload.acknowledgedCount,
                ])
            } else {
                printLine(
                    "\(index + 1)/\(plan.count) \(fault.rawValue): writes paused \(gap) ms, "
                        + "acknowledged \(workload.acknowledgedCount)")
            }
        }
        workload.stop()
        try lab.waitUntilEqualPositions(from: lab.a)
        let rows = try lab.requireEqual()
        for node in lab.clusters.flatMap(\.nodes) {
            let missing = try workload.missing(on: node)
            guard missing.isEmpty else { throw LabError("\(node.name) lacks \(missing.count): \(missing.prefix(5))") }
        }
        failed = false
        if json {
            try printJSON([
                "summary": true, "seed": seed, "faults": plan.count, "acknowledged": workload.acknowledgedCount,
                "rows": rows, "lost": 0, "differences": 0,
            ])
        } else {
            printLine(
                "\(plan.count) faults, seed \(seed): acknowledged \(workload.acknowledgedCount), lost 0; \(rows) rows equal on "
                    + "\(lab.clusters.flatMap(\.nodes).count) nodes")
        }
    }

    private func wanted() throws -> [BridgeFault]? {
        guard let only else { return nil }
        let names = try only.split(separator: ",").map { name in
            guard let fault = BridgeFault(rawValue: String(name)) else {
                throw ValidationError(
                    "no fault \(name); there are \(BridgeFault.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return fault
        }
        return (0..<faults).map { names[$0 % names.count] }
    }
}
