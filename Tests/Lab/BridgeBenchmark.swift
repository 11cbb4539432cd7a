import ArgumentParser
import Foundation
import Glibc
import LabSupport

struct BridgeBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-bridge",
        abstract:
            "Two Galera clusters over an emulated WAN: what the bridge costs the primary, how late it is, how quickly it moves."
    )

    @Option(help: "Seconds of each run.") var seconds = 8
    @Option(help: "Runs of each; the median counts. 0: no throughput.") var rounds = 3
    @Option(help: "Client threads.") var threads = 8
    @Option(help: "Round trip of the line, ms.") var roundTrip = 80
    @Option(help: "Deaths of the source, of the target, and as many freezes of each.") var moves = 3
    @Option(help: "Planned switchovers, there and back.") var switchovers = 6
    @Flag(help: "One JSON object a line.") var json = false

    func run() throws {
        let lab = try BridgeLab(
            name: "bench-bridge", settings: ["log": ["level = \"info\""]],
            wan: .wan(roundTrip: .milliseconds(roundTrip), megabits: 100))
        defer { lab.remove() }
        progress("starting two Galera clusters and an agent beside each")
        try lab.start()
        try BridgeFlow.prepare(lab.a)
        if rounds > 0 {
            let bridged = try throughput(lab)
            try stretched(lab, bridged: bridged)
        }
        try lab.waitUntilEqualPositions(from: lab.a, within: .seconds(300))
        if moves > 0 { for isFrozen in [false, true] { try moves(lab, frozen: isFrozen) } }
        try lab.waitUntilEqualPositions(from: lab.a)
        try lab.requireEqual()
        if switchovers > 0 { try switchOver(lab) }
    }

    /// In turns: with the bridge, and with both agents frozen. Two cores carry both clusters, so the other site's applying is kept out of it
    /// by cutting the line; what is measured is what the primary pays.
    ///
    /// - Returns: Transactions a second with the bridge.
    private func throughput(_ lab: BridgeLab) throws -> Double {
        let bench = Sysbench(port: lab.a.nodes[0].port)
        try bench.prepare()
        try lab.waitUntilEqualPositions(from: lab.a, within: .seconds(120))
        var with: [Sysbench.Result] = []
        var without: [Sysbench.Result] = []
        var delays: [Double] = []
        for round in 1...rounds {
            progress("round \(round) of \(rounds)")
            for line in lab.lines {
                line.setRefusing(true)
                line.cut()
            }
            with.append(try bench.run(threads: threads, seconds: seconds))
            lab.agentA.signalAgent(SIGSTOP)
            without.append(try bench.run(threads: threads, seconds: seconds))
            lab.agentA.signalAgent(SIGCONT)
            for line in lab.lines { line.setRefusing(false) }
            try lab.waitUntilEqualPositions(from: lab.a, within: .seconds(300))
        }
        let flow = BridgeFlow(lab: lab)
        try flow.start()
        let mark = Workload.now
        usleep(useconds_t(seconds) * 1_000_000)
        delays = flow.delays(since: mark)
        flow.stop()
        let ratio = zip(with, without).map { $0.transactionsPerSecond / $1.transactionsPerSecond }.percentile(0.5)
        let perSecond = with.map(\.transactionsPerSecond).percentile(0.5)
        try report([
            ("bridge_tps", perSecond.rounded(1)),
            ("plain_tps", without.map(\.transactionsPerSecond).percentile(0.5).rounded(1)), ("ratio", ratio.rounded(3)),
            ("bridge_p95_ms", with.map(\.p95Milliseconds).percentile(0.5).rounded(2)),
            ("plain_p95_ms", without.map(\.p95Milliseconds).percentile(0.5).rounded(2)),
            ("delay_p50_ms", delays.percentile(0.5).rounded(1)), ("delay_p95_ms", delays.percentile(0.95).rounded(1)),
        ])
        return perSecond
    }

    /// What a bridge is instead of: one Galera cluster over the same line, half of its nodes on either side.
    private func stretched(_ lab: BridgeLab, bridged: Double) throws {
        if let obstacle = PacketWAN.obstacle { return progress("no stretched cluster to compare with: \(obstacle)") }
        progress("starting one cluster on both sides of the line")
        let wan = try PacketWAN(.ideal)
        defer { wan.remove() }
        let perSite = lab.a.nodes.count
        let cluster = try GaleraCluster(
            name: "stretched", number: 3, folder: lab.folder, nodes: perSite * 2, timeouts: "",
            place: { index in
                let site: PacketWAN.Site = index < perSite ? .home : .away
                return GaleraNode.Place(host: wan.address(site), prefix: wan.prefix(site))
            })
        defer { cluster.remove() }
        try cluster.start()
        let bench = Sysbench(host: cluster.nodes[0].place.host, port: cluster.nodes[0].port)
        try bench.prepare()
        wan.set(.wan(roundTrip: .milliseconds(roundTrip), megabits: 100))
        let runs = try (1...rounds).map { _ in try bench.run(threads: threads, seconds: seconds) }
        let perSecond = runs.map(\.transactionsPerSecond).percentile(0.5)
        try report([
            ("stretched_tps", perSecond.rounded(1)),
            ("stretched_p95_ms", runs.map(\.p95Milliseconds).percentile(0.5).rounded(2)),
            ("ratio_stretched", (bridged / perSecond).rounded(2)),
        ])
    }

    private func moves(_ lab: BridgeLab, frozen: Bool) throws {
        let flow = BridgeFlow(lab: lab)
        try flow.start()
        defer { flow.stop() }
        for (name, agent, cluster) in [("source", lab.agentA, lab.a), ("target", lab.agentB, lab.b)] {
            var arrivals: [Double] = []
            var stalls: [Double] = []
            for _ in 0..<moves {
                let before = flow.arrivedCount
                try Lab.eventually("rows flow") { flow.arrivedCount > before + 20 }
                let node = try Lab.eventually("\(agent.id) uses a node") { try lab.nodeInUse(agent) }
                let mark = Workload.now
                if frozen { node.signal(SIGSTOP) } else { node.kill() }
                let count = flow.arrivedCount
                try Lab.eventually("rows flow again", within: .seconds(60)) { flow.arrivedCount > count + 30 }
                usleep(1_000_000)
                let gaps = flow.gaps(since: mark)
                arrivals.append(gaps.arrivals)
                stalls.append(gaps.acknowledgements)
                if frozen { node.kill() }
                try cluster.restart(node)
            }
            let kind = frozen ? "frozen" : "killed"
            try report([
                ("\(name)_\(kind)_p95_ms", arrivals.percentile(0.95).rounded()),
                ("\(name)_\(kind)_max_ms", (arrivals.max() ?? 0).rounded()),
                ("\(name)_\(kind)_primary_stall_max_ms", (stalls.max() ?? 0).rounded()),
            ])
        }
    }

    /// There and back under load: for how long no client's write was acknowledged, and whether all that were are on every node.
    private func switchOver(_ lab: BridgeLab) throws {
        try BridgeWorkload.prepare(lab.a)
        try lab.waitUntilEqualPositions(from: lab.a)
        let workload = BridgeWorkload(lab: lab, clients: 4, restMicroseconds: 10_000)
        workload.start()
        defer { workload.stop() }
        var pauses: [Double] = []
        for number in 0..<switchovers {
            let (from, to) = number.isMultiple(of: 2) ? (lab.agentA, lab.agentB) : (lab.agentB, lab.agentA)
            func goOn() throws {
                let before = workload.acknowledgedCount
                try Lab.eventually("writes go on", within: .seconds(30)) { workload.acknowledgedCount > before + 100 }
            }
            try goOn()
            var mark = Workload.now
            try Lab.eventually("\(to.id) takes over", within: .seconds(60), every: .milliseconds(200)) {
                mark = Workload.now
                let answer = try from.http("POST", "/cluster/switchover", body: "{\"to\":\"\(to.id)\"}", timeout: 60)
                guard answer.status == 200 else { throw LabError(String(decoding: answer.body, as: UTF8.self)) }
                return true
            }
            try goOn()
            pauses.append(workload.longestGap(since: mark) * 1_000)
            try lab.waitUntil(from, is: "replica")
        }
        workload.stop()
        try lab.waitUntilEqualPositions(from: try lab.primary().cluster)
        try lab.requireEqual()
        let lost = try lab.clusters.flatMap(\.nodes).map { try workload.missing(on: $0).count }.max() ?? 0
        try report([
            ("switchovers", Double(switchovers)), ("switchover_pause_p50_ms", pauses.percentile(0.5).rounded()),
            ("switchover_pause_p95_ms", pauses.percentile(0.95).rounded()),
            ("switchover_acknowledged", Double(workload.acknowledgedCount)), ("switchover_lost", Double(lost)),
        ])
        progress("what clients met, by error number: \(workload.refused)")
    }

    private func report(_ figures: [(String, Double)]) throws {
        if json {
            try printJSON(Dictionary(uniqueKeysWithValues: figures.map { ($0.0, $0.1 as Any) }))
        } else {
            for (name, value) in figures {
                printLine("\(name.padding(toLength: 36, withPad: " ", startingAt: 0))\(value)")
            }
        }
    }
}
