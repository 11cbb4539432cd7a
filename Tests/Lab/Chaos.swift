import ArgumentParser
import Foundation
import LabSupport

struct Chaos: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Faults at random under load; then nothing acknowledged may be missing and nothing refused may be there.")

    @Option(help: "How many faults.") var faults = 60
    @Option(help: "Repeats a run.") var seed: UInt64 = UInt64.random(in: 0 ... .max)
    @Option(help: "How many hosts.") var nodes = 3
    @Option(help: "How many clients write meanwhile.") var clients = 6
    @Option(help: "Only these faults, separated by commas.") var only: String?
    @Flag(help: "The hosts are 20 ms apart, and the lines between them lose packets, jam and break; needs root.")
    var wan = false
    @Flag(help: "The members talk TLS.") var tls = false
    @Flag(help: "Clients use the proxies of all nodes, and read what they wrote.") var throughProxy = false
    @Option(help: "proxy.pool of the proxies, with --through-proxy.") var pool = 0
    @Flag(help: "One JSON object a line.") var json = false
    @Flag(help: "Leave the folder of the run.") var keep = false

    func run() throws {
        progress("seed \(seed)")
        let network = try makeNetwork()
        if network == nil { progress("no root or no nft: runs without partitions") }
        defer { network?.remove() }
        var settings = wan ? LabCluster.distantElections : LabCluster.quickElections
        if throughProxy { settings.merge(["proxy": ["enabled = true", "pool = \(pool)"]]) { $1 } }
        let cluster = try LabCluster(
            name: "chaos", settings: settings.merging(AgentStep.settings) { $1 }, tls: tls)
        progress("folder \(cluster.folder)")
        var failed = true
        defer { cluster.remove(keep: keep || failed) }
        for host in 1...nodes {
            try cluster.addNode(host: network?.address(host) ?? "127.0.0.1", prefix: network?.prefix(host) ?? [])
        }
        try cluster.start(nodes)
        try Workload.prepare(cluster)
        var injector = FaultInjector(cluster: cluster, network: network, seed: seed)
        var plan = injector.plan(faults)
        if let only {
            let wanted = try only.split(separator: ",").map { name in
                guard let fault = Fault(rawValue: String(name)) else {
                    throw ValidationError(
                        "no fault \(name); there are \(Fault.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                return fault
            }
            plan = (0..<faults).map { wanted[$0 % wanted.count] }
        }
        let workload = Workload(cluster: cluster, clients: clients, route: throughProxy ? .proxies : .databases)
        workload.start()
        var totals = Workload.Verdict()
        for (index, fault) in plan.enumerated() {
            let mark = Workload.now
            let before = workload.acknowledgedCount
            do {
                try Lab.eventually("writes go on", within: .seconds(60)) { workload.acknowledgedCount > before + 20 }
                try injector.inflict(fault)
                let resumed = workload.acknowledgedCount
                try Lab.eventually("writes go on after \(fault)", within: .seconds(60)) {
                    workload.acknowledgedCount > resumed + 20
                }
                totals = try check(cluster, workload)
            } catch {
                for node in cluster.nodes { progress("--- \(node.id)\n\(cluster.tail(node, lines: 25))") }
                throw error
            }
            let gap = (workload.longestGap(since: mark) * 1_000).rounded()
            if json {
                try printJSON([
                    "fault": fault.rawValue, "number": index + 1, "gap_ms": gap, "acknowledged": totals.acknowledged,
                    "lost": totals.lost.count, "phantom": totals.phantom.count, "stale": totals.stale.count,
                ])
            } else {
                printLine("\(index + 1)/\(plan.count) \(fault.rawValue): writes paused \(Int(gap)) ms; \(totals)")
            }
            guard totals.isClean else {
                throw ValidationError("fault \(index + 1) (\(fault)), seed \(seed): \(totals)")
            }
        }
        workload.stop()
        try cluster.requireEqual()
        totals = try check(cluster, workload)
        failed = !totals.isClean
        if json {
            try printJSON([
                "summary": true, "seed": seed, "faults": plan.count, "acknowledged": totals.acknowledged,
                "unknown": totals.unknown, "lost": totals.lost.count, "phantom": totals.phantom.count, "diverged": 0,
                "reads": totals.reads, "stale": totals.stale.count,
            ])
        } else {
            printLine("\(plan.count) faults, seed \(seed): \(totals); all nodes equal")
        }
        if failed { throw ExitCode.failure }
    }

    private func makeNetwork() throws -> (any HostNetwork)? {
        guard wan else { return LabNetwork.isAvailable ? try LabNetwork(hosts: nodes) : nil }
        return try PacketWAN(
            .wan(roundTrip: .milliseconds(20), megabits: 100, lossPercent: 0.5, jitter: .milliseconds(2)),
            sites: nodes, seed: seed)
    }

    /// What the clients were told against what every node holds, while they go on writing.
    private func check(_ cluster: LabCluster, _ workload: Workload) throws -> Workload.Verdict {
        for node in cluster.nodes {
            let status = try Lab.eventually("\(node.id) answers") { try node.status() } as LabStatus
            guard status.database.state != "diverged" else { throw LabError("\(node.id) has diverged") }
        }
        return try workload.check(try cluster.waitUntilWritable())
    }
}
