import Foundation
import LabSupport
import MariaDBClient
import Testing

/// Two real Galera clusters and a bridge between them.
@Suite(.serialized)
struct BridgeTests {
    /// Runs `body` on a bridge and takes it away whatever happens; on failure the ends of the agents' logs are printed.
    static func withBridge(
        _ name: String, nodes: Int = 3, witness: Bool = false, settings: [String: [String]] = [:],
        _ body: (BridgeLab) throws -> Void
    ) throws {
        let lab = try BridgeLab(name: name, nodes: nodes, witness: witness, settings: settings)
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
}
