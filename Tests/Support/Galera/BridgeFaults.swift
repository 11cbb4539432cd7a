import ClusterCore
import Foundation
import Glibc
import MariaDBClient

/// What may befall a bridge, and how it ends.
public enum BridgeFault: String, CaseIterable, Sendable {
    case sourceKilled, sourceFrozen, sourceStopped, sourceDesynced
    case targetKilled, targetFrozen, targetStopped, targetDesynced
    case bystanderKilled, donor
    case agentAKilled, agentBKilled, agentAFrozen, agentBFrozen
    case linkCut, linkHangs
}

/// Inflicts faults on a bridge one after the other, and undoes each.
public struct BridgeFaultInjector {
    let lab: BridgeLab
    private var generator: SplitMix64

    public init(lab: BridgeLab, seed: UInt64) {
        self.lab = lab
        generator = SplitMix64(seed: seed)
    }

    /// The faults of a run, in a seeded order; each kind comes before any comes again.
    public mutating func plan(_ count: Int) -> [BridgeFault] {
        var plan: [BridgeFault] = []
        while plan.count < count { plan += BridgeFault.allCases.shuffled(using: &generator) }
        return Array(plan.prefix(count))
    }

    /// How long a fault that ends by itself lasts.
    private mutating func someTime(_ range: ClosedRange<UInt32> = 300_000...4_000_000) -> UInt32 {
        UInt32.random(in: range, using: &generator)
    }

    public mutating func inflict(_ fault: BridgeFault) throws {
        switch fault {
        case .sourceKilled: try killAndRestart(try source())
        case .targetKilled: try killAndRestart(try target())
        case .bystanderKilled:
            let busy = [try lab.nodeInUse(lab.agentA), try lab.nodeInUse(lab.agentB)].compactMap { $0 }
            let others = lab.clusters.flatMap(\.nodes).filter { node in !busy.contains { $0 === node } }
            if let node = others.randomElement(using: &generator) { try killAndRestart(node) }
        case .sourceFrozen: try freeze(try source())
        case .targetFrozen: try freeze(try target())
        case .sourceStopped: try stopAndRestart(try source())
        case .targetStopped: try stopAndRestart(try target())
        case .sourceDesynced: try desync(try source())
        case .targetDesynced: try desync(try target())
        case .donor:
            // A node that lost its data takes a whole copy from another, which is a donor meanwhile.
            guard let cluster = lab.clusters.randomElement(using: &generator),
                let node = cluster.nodes.randomElement(using: &generator)
            else { return }
            node.kill()
            try node.wipe()
            try cluster.restart(node)
        case .agentAKilled: try restart(lab.agentA)
        case .agentBKilled: try restart(lab.agentB)
        case .agentAFrozen: freeze(lab.agentA)
        case .agentBFrozen: freeze(lab.agentB)
        case .linkCut:
            for line in lab.lines {
                line.setRefusing(true)
                line.cut()
            }
            usleep(someTime())
            for line in lab.lines { line.setRefusing(false) }
        case .linkHangs:
            for line in lab.lines { line.setBlackHole(true) }
            usleep(someTime())
            for line in lab.lines {
                line.setBlackHole(false)
                line.cut()
            }
        }
        try recover()
    }

    private func source() throws -> GaleraNode { try inUse(lab.agentA) }
    private func target() throws -> GaleraNode { try inUse(lab.agentB) }

    private func inUse(_ agent: LabNode) throws -> GaleraNode {
        try Lab.eventually("\(agent.id) uses a node", within: .seconds(60)) { try lab.nodeInUse(agent) }
    }

    private func cluster(of node: GaleraNode) -> GaleraCluster { lab.a.nodes.contains { $0 === node } ? lab.a : lab.b }

    private mutating func killAndRestart(_ node: GaleraNode) throws {
        node.kill()
        usleep(someTime())
        try cluster(of: node).restart(node)
    }

    private mutating func stopAndRestart(_ node: GaleraNode) throws {
        try node.stop()
        usleep(someTime(100_000...1_500_000))
        try cluster(of: node).restart(node)
    }

    /// Short ones are over before the cluster notices; long ones end with the node outside, and it comes back by itself.
    private mutating func freeze(_ node: GaleraNode) throws {
        let pid = node.pid
        node.signal(SIGSTOP)
        usleep(someTime(200_000...7_000_000))
        if let pid { Glibc.kill(pid, SIGCONT) }
    }

    private mutating func desync(_ node: GaleraNode) throws {
        let session = try node.administrator()
        defer { session.close() }
        try session.query("SET GLOBAL wsrep_desync = ON")
        usleep(someTime(500_000...3_000_000))
        try session.query("SET GLOBAL wsrep_desync = OFF")
    }

    private mutating func restart(_ agent: LabNode) throws {
        agent.endAgent(SIGKILL)
        usleep(someTime(100_000...2_000_000))
        try agent.start(.again)
    }

    private mutating func freeze(_ agent: LabNode) {
        agent.signalAgent(SIGSTOP)
        usleep(someTime())
        agent.signalAgent(SIGCONT)
    }

    /// Every node is synced, one site is captured from and the other is fed.
    private func recover() throws {
        for cluster in lab.clusters {
            for node in cluster.nodes {
                // One that was thrown out while it was frozen may give up: an administrator starts it again.
                if !node.isRunning { try cluster.restart(node, wait: false) }
            }
            for node in cluster.nodes {
                do { try node.waitUntilSynced(within: .seconds(60)) } catch {
                    Lab.tell("\(node.name) is started again: \(error)")
                    node.kill()
                    try cluster.restart(node)
                }
            }
        }
        try Lab.eventually("one site is primary, the other is fed", within: .seconds(60)) {
            let states = try [lab.agentA, lab.agentB].map { try $0.status().database.state }
            guard Set(states) == ["primary", "replica"] else { throw LabError("\(states)") }
            return true
        }
    }
}

extension GaleraNode {
    /// Takes its data away, so that it must be given all of it anew.
    public func wipe() throws {
        try FileManager.default.removeItem(atPath: data)
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    }
}
