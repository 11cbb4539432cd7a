import ClusterCore
import Foundation
import Glibc
import MariaDBClient

/// What may befall a cluster, and how it ends.
public enum Fault: String, CaseIterable, Sendable {
    case agentKilled, databaseKilled, bothKilled, allKilled
    case agentFrozen, databaseFrozen, bothFrozen
    case followerKilled, followerFrozen
    case leaderIsolated, leaderDeaf, leaderMute
    case agentKilledInPromotion, agentKilledInDemotion, agentKilledAtStep, switchover, gracefulStop
    /// Of lines between the hosts: all of one host's cut for a moment, very lossy, very slow.
    case linesCut, linesLossy, linesSlow

    public var needsNetwork: Bool {
        switch self {
        case .leaderIsolated, .leaderDeaf, .leaderMute: true
        default: needsLines
        }
    }
    public var needsLines: Bool {
        switch self {
        case .linesCut, .linesLossy, .linesSlow: true
        default: false
        }
    }
}

/// Inflicts faults on a cluster one after the other, and undoes each.
public struct FaultInjector {
    let cluster: LabCluster
    let network: (any HostNetwork)?
    /// The same network, if it has lines.
    private var wan: PacketWAN? { network as? PacketWAN }
    private var generator: SplitMix64
    private var steps: [AgentStep] = []

    public init(cluster: LabCluster, network: (any HostNetwork)?, seed: UInt64) {
        self.cluster = cluster
        self.network = network
        generator = SplitMix64(seed: seed)
    }

    /// The faults of a run, in a seeded order; each kind comes before any comes again.
    public mutating func plan(_ count: Int) -> [Fault] {
        let possible = Fault.allCases.filter { fault in
            (network != nil || !fault.needsNetwork) && (wan != nil || !fault.needsLines)
        }
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
        case .agentKilledAtStep:
            if steps.isEmpty { steps = AgentStep.all.shuffled(using: &generator) }
            _ = try killAgent(at: steps.removeLast())
        case .switchover:
            _ = try leader.http("POST", "/cluster/switchover", body: "{}")
        case .gracefulStop:
            leader.endAgent(SIGTERM)
            try leader.start(.again)
        case .linesCut: try spoilLines(of: follower) { $0.swallows = true }
        case .linesLossy: try spoilLines(of: Bool.random(using: &generator) ? leader : follower) { $0.loss = 0.1 }
        case .linesSlow:
            try spoilLines(of: Bool.random(using: &generator) ? leader : follower) { line in
                line.bytesPerSecond = 125_000
                line.delay += .milliseconds(60)
                line.jitter = .milliseconds(30)
            }
        }
        try recover()
    }

    /// Brings the step about, kills the agent that comes to it, and makes everything run again.
    ///
    /// - Returns: whether any agent came to it; a deposed leader whose database needs no fence, for one, does not.
    public func killAgent(at step: AgentStep) throws -> Bool {
        let leader = try cluster.waitUntilWritable(within: .seconds(90))
        let watched = step.scenario == .promotion ? cluster.nodes.filter { $0 !== leader } : [leader]
        let killer = try StepKiller(step, of: watched)
        switch step.scenario {
        case .promotion, .demotion:
            // Refused while no follower could take over; and the answer may never come: its agent is about to die.
            Thread {
                while !killer.isOver {
                    if let answer = try? leader.http("POST", "/cluster/switchover", body: "{}"), answer.status == 200 {
                        return
                    }
                    usleep(100_000)
                }
            }.start()
        case .fencing:
            leader.signalAgent(SIGSTOP)
            try survive(without: leader)
            leader.signalAgent(SIGCONT)
        }
        let killed = killer.wait(within: .seconds(15))
        try recover()
        return killed != nil
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

    private func partition(_ leader: LabNode, _ direction: IsolationDirection) throws {
        guard let network, let index = cluster.nodes.firstIndex(where: { $0 === leader }) else { return }
        try network.isolate(index + 1, direction)
        defer { _ = try? network.heal(index + 1) }
        try survive(without: leader)
    }

    /// Makes the lines that lead from a node worse, for up to three seconds.
    private mutating func spoilLines(of node: LabNode, _ change: (inout Line) -> Void) throws {
        guard let wan, let index = cluster.nodes.firstIndex(where: { $0 === node }) else { return }
        let site = PacketWAN.Site(number: index + 1)
        let before = wan.line(from: site)
        var line = before
        change(&line)
        wan.set(line, from: site)
        usleep(useconds_t.random(in: 200_000...3_000_000, using: &generator))
        wan.set(before, from: site)
    }

    private func recover() throws {
        for node in cluster.nodes where !node.agentIsRunning { try node.start(.again) }
        try cluster.waitUntilWritable(within: .seconds(90))
        try cluster.waitUntilComplete(within: .seconds(120), allowingLag: true)
    }
}
