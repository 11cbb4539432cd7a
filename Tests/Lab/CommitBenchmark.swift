import ArgumentParser
import Foundation
import LabSupport

struct CommitBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-commit",
        abstract: "sysbench oltp_write_only: this cluster, native semi-sync and asynchronous replication, in turns.")

    @Option(help: "Seconds of each run.") var seconds = 10
    @Option(help: "Runs of each; the median counts.") var rounds = 3
    @Option(help: "Client threads, separated by commas.") var threads = "1,16,64"
    @Flag(help: "One JSON object a line.") var json = false

    func run() throws {
        let cluster = try LabCluster(name: "bench-commit")
        defer { cluster.remove() }
        progress("starting three agents with their databases")
        try cluster.start(3)
        let leader = try cluster.leader()
        progress("starting three servers under native semi-sync, and three under asynchronous replication")
        let semi = try NativeReplication(
            like: leader, folder: cluster.folder + "/semisync", servers: 3, mode: .semiSync)
        defer { semi.remove() }
        let async = try NativeReplication(
            like: leader, folder: cluster.folder + "/async", servers: 3, mode: .asynchronous)
        defer { async.remove() }
        let benches = (
            Sysbench(port: leader.databasePort), Sysbench(port: semi.ports[0]), Sysbench(port: async.ports[0])
        )
        for bench in [benches.0, benches.1, benches.2] { try bench.prepare() }
        if !json {
            printLine(
                "threads  wolfscale  semisync     async  ratio_semisync  p95_ms  p95_semisync_ms  cpu_s/1000tx  peak_mb"
            )
        }
        for count in threads.split(separator: ",").compactMap({ Int($0) }) {
            var runs: [(ours: Sysbench.Result, semi: Sysbench.Result, async: Sysbench.Result)] = []
            var cpu = 0.0
            var transactions = 0
            for round in 1...rounds {
                progress("\(count) threads, round \(round) of \(rounds)")
                let before = usage(cluster)
                let ours = try benches.0.run(threads: count, seconds: seconds)
                try cluster.waitUntilApplied(within: .seconds(300))
                cpu += usage(cluster) - before
                transactions += ours.transactions
                let semiResult = try benches.1.run(threads: count, seconds: seconds)
                try semi.waitUntilApplied()
                let asyncResult = try benches.2.run(threads: count, seconds: seconds)
                try async.waitUntilApplied()
                runs.append((ours, semiResult, asyncResult))
            }
            try report(count, runs, cpuPer1000: cpu * 1_000 / Double(transactions), cluster)
        }
        try cluster.requireEqual()
    }

    private func usage(_ cluster: LabCluster) -> Double {
        cluster.nodes.compactMap(\.agentPID).map(ProcessUsage.cpuSeconds).reduce(0, +)
    }

    private func report(
        _ threads: Int, _ runs: [(ours: Sysbench.Result, semi: Sysbench.Result, async: Sysbench.Result)],
        cpuPer1000: Double, _ cluster: LabCluster
    ) throws {
        let ours = runs.map(\.ours.transactionsPerSecond).percentile(0.5)
        let semi = runs.map(\.semi.transactionsPerSecond).percentile(0.5)
        let async = runs.map(\.async.transactionsPerSecond).percentile(0.5)
        let p95 = runs.map(\.ours.p95Milliseconds).percentile(0.5)
        let semiP95 = runs.map(\.semi.p95Milliseconds).percentile(0.5)
        let ratio = runs.map { $0.ours.transactionsPerSecond / $0.semi.transactionsPerSecond }.percentile(0.5)
        let peak = cluster.nodes.compactMap(\.agentPID).map(ProcessUsage.peakResidentMB).max() ?? 0
        if json {
            try printJSON([
                "threads": threads, "wolfscale_tps": ours.rounded(1), "semisync_tps": semi.rounded(1),
                "async_tps": async.rounded(1), "ratio_semisync": ratio.rounded(3), "p95_ms": p95,
                "semisync_p95_ms": semiP95, "agents_cpu_s_per_1000": cpuPer1000.rounded(4),
                "agent_rss_mb": peak.rounded(1),
            ])
        } else {
            let columns: [(Double, Int, Int)] = [
                (Double(threads), 7, 0), (ours, 11, 1), (semi, 10, 1), (async, 10, 1), (ratio, 16, 3), (p95, 8, 2),
                (semiP95, 17, 2), (cpuPer1000, 14, 3), (peak, 9, 1),
            ]
            printLine(
                columns.map { value, width, digits in
                    let text = digits == 0 ? "\(Int(value))" : "\(value.rounded(digits))"
                    return String(repeating: " ", count: max(0, width - text.count)) + text
                }.joined())
        }
    }
}
