import Foundation
import Glibc
import MariaDBClient

/// What may befall a cluster, and how it ends.
public enum Fault: String, CaseIterable, Sendable {
    case agentKilled, databaseKilled, bothKilled, allKilled
    case agentFrozen, databaseFrozen, bothFrozen
    case followerKilled, followerFrozen
    case leaderIsolated, leaderDeaf, leaderMute
    case agentKilledInPromotion, agentKilledInDemotion, switchover, gracefulStop

    public var needsNetwork: Bool {
        switch self {
        case .leaderIsolated, .leaderDeaf, .leaderMute: true
        default: false
        }
    }
}

/// Inflicts faults on a cluster one after the other, and undoes each.
public struct FaultInjector {
    let cluster: LabCluster
    let network: LabNetwork?
    private var generator: SeededGenerator

    public init(cluster: LabCluster, network: LabNetwork?, seed: UInt64) {
        self.cluster = cluster
        self.network = network
        generator = SeededGenerator(seed: seed)
    }

    /// The faults of a run, in a seeded order; each kind comes before any comes again.
    public mutating func plan(_ count: Int) -> [Fault] {
        let possible = Fault.allCases.filter { network != nil || !$0.needsNetwork }
        var plan: [Fault] = []
        while plan.count < count { plan += possible.shuffled(using: &generator) }
        return Array(plan.prefix(count))
    }

    /// Inflicts the fault, lets the cluster live with it for a while, and makes everything run again.
    public mutating func inflict(_ fault: Fault) throws {
        let leader = try cluster.waitUntilWritable(within: .seconds(90))
        let follower = try cluster.followers().randomElement(using: &generator) ?? leader
        switch fault {
        case .agentKilled:
            leader.endAgent(SIGKILL)
            try survive(without: leader)
            try leader.start(.again)
        case .databaseKilled:
            leader.signalDatabase(SIGKILL)
        case .bothKilled:
            leader.endAgent(SIGKILL)
            leader.signalDatabase(SIGKILL)
            try survive(without: leader)
            try leader.start(.again)
        case .allKilled:
            for node in cluster.nodes { node.signalAgent(SIGKILL) }
            for node in cluster.nodes { node.signalDatabase(SIGKILL) }
            for node in cluster.nodes { node.endAgent(SIGKILL) }
            for node in cluster.nodes { try node.start(.again) }
        case .agentFrozen:
            leader.signalAgent(SIGSTOP)
            try survive(without: leader)
            leader.signalAgent(SIGCONT)
        case .databaseFrozen:
            let frozen = leader.databasePID
            leader.signalDatabase(SIGSTOP)
            try survive(without: leader)
            if let frozen { kill(frozen, SIGCONT) }
        case .bothFrozen:
            let frozen = leader.databasePID
            leader.signalAgent(SIGSTOP)
            leader.signalDatabase(SIGSTOP)
            try survive(without: leader)
            if let frozen { kill(frozen, SIGCONT) }
            leader.signalAgent(SIGCONT)
        case .followerKilled:
            follower.endAgent(SIGKILL)
            if Bool.random(using: &generator) { follower.signalDatabase(SIGKILL) }
            try follower.start(.again)
        case .followerFrozen:
            follower.signalAgent(SIGSTOP)
            usleep(useconds_t.random(in: 100_000...1_500_000, using: &generator))
            follower.signalAgent(SIGCONT)
        case .leaderIsolated: try partition(leader, .both)
        case .leaderDeaf: try partition(leader, .inward)
        case .leaderMute: try partition(leader, .outward)
        case .agentKilledInPromotion:
            // The next leader's agent dies at a random moment of its promotion; then the rest go on.
            leader.endAgent(SIGKILL)
            let heir = try Lab.eventually("somebody is promoted", within: .seconds(60), every: .milliseconds(3)) {
                cluster.nodes.first { node in
                    guard node !== leader, node.agentIsRunning, let status = try? node.status() else { return false }
                    return status.raft.state == "leader"
                }
            }
            usleep(useconds_t.random(in: 0...120_000, using: &generator))
            heir.endAgent(SIGKILL)
            try leader.start(.again)
            try heir.start(.again)
        case .agentKilledInDemotion:
            let address = "/cluster/switchover"
            let asked = Thread { _ = try? leader.http("POST", address, body: "{}") }
            asked.start()
            usleep(useconds_t.random(in: 0...150_000, using: &generator))
            leader.endAgent(SIGKILL)
            try leader.start(.again)
        case .switchover:
            _ = try leader.http("POST", "/cluster/switchover", body: "{}")
        case .gracefulStop:
            leader.endAgent(SIGTERM)
            try leader.start(.again)
        }
        try recover()
    }

    /// Waits until another node than this one is writable.
    private func survive(without node: LabNode) throws {
        try Lab.eventually("another node takes over", within: .seconds(60)) {
            cluster.nodes.contains { other in
                guard other !== node, other.agentIsRunning, let status = try? other.status() else { return false }
                return status.raft.state == "leader" && status.database.writable
            }
        }
    }

    private func partition(_ leader: LabNode, _ direction: LabNetwork.Direction) throws {
        guard let network, let index = cluster.nodes.firstIndex(where: { $0 === leader }) else { return }
        try network.isolate(index + 1, direction)
        defer { _ = try? network.heal(index + 1) }
        try survive(without: leader)
    }

    private func recover() throws {
        for node in cluster.nodes where !node.agentIsRunning { try node.start(.again) }
        try cluster.waitUntilWritable(within: .seconds(90))
        try cluster.waitUntilComplete(within: .seconds(120), allowingLag: true)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014), so that a seed repeats a run.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64
    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
