import ArgumentParser
import Foundation
import LabSupport

struct CommitBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-commit",
        abstract: "sysbench oltp_write_only: this cluster and native replication in turns.",
        discussion: """
            semisync: MariaDB's semi-sync as it comes; a replica acknowledges what its kernel has.
            durable: the same with sync_relay_log=1; a replica acknowledges what its disk has, as our followers do.
            async: asynchronous replication.
            tps counts commits while the clients run; applied_tps counts them until every replica has applied them all.
            """)

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
        var natives: [NativeReplication] = []
        defer { for native in natives { native.remove() } }
        for mode in [NativeReplication.Mode.semiSync, .durableSemiSync, .asynchronous] {
            progress("starting three servers under native replication: \(mode)")
            natives.append(
                try NativeReplication(like: leader, folder: "\(cluster.folder)/\(mode)", servers: 3, mode: mode))
        }
        let contenders =
            [Contender(port: leader.databasePort) { try cluster.waitUntilApplied(within: .seconds(300)) }]
            + natives.map { native in Contender(port: native.ports[0]) { try native.waitUntilApplied() } }
        for contender in contenders { try contender.bench.prepare() }
        if !json {
            printLine(
                "threads  wolfscale  semisync   durable     async  ratio_semisync  ratio_durable  ratio_applied"
                    + "  p95_ms  p95_semisync_ms  cpu_s/1000tx  peak_mb")
        }
        for count in threads.split(separator: ",").compactMap({ Int($0) }) {
            var runs: [[Contender.Run]] = []
            var cpu = 0.0
            for round in 1...rounds {
                progress("\(count) threads, round \(round) of \(rounds)")
                let before = usage(cluster)
                let ours = try contenders[0].run(threads: count, seconds: seconds)
                cpu += usage(cluster) - before
                runs.append(
                    try [ours] + contenders.dropFirst().map { try $0.run(threads: count, seconds: seconds) })
            }
            let transactions = runs.reduce(0) { $0 + $1[0].result.transactions }
            try report(Figures(count, runs), cpuPer1000: cpu * 1_000 / Double(transactions), cluster)
        }
        try cluster.requireEqual()
    }

    /// One that takes sysbench's writes, and how to see that all its replicas have them.
    private struct Contender {
        struct Run {
            var result: Sysbench.Result
            /// Transactions a second, until the last of them was applied everywhere.
            var appliedPerSecond: Double
        }

        var bench: Sysbench
        var waitUntilApplied: () throws -> Void

        init(port: Int, _ waitUntilApplied: @escaping () throws -> Void) {
            bench = Sysbench(port: port)
            self.waitUntilApplied = waitUntilApplied
        }

        func run(threads: Int, seconds: Int) throws -> Run {
            let result = try bench.run(threads: threads, seconds: seconds)
            let end = ContinuousClock.now
            try waitUntilApplied()
            let drained = (ContinuousClock.now - end) / .seconds(1)
            let took = Double(result.transactions) / result.transactionsPerSecond
            return Run(result: result, appliedPerSecond: Double(result.transactions) / (took + drained))
        }
    }

    /// Medians over the rounds; ratios are taken within a round.
    private struct Figures {
        let threads: Int
        private let runs: [[Contender.Run]]

        init(_ threads: Int, _ runs: [[Contender.Run]]) {
            self.threads = threads
            self.runs = runs
        }

        func perSecond(_ contender: Int) -> Double { median { $0[contender].result.transactionsPerSecond } }
        func p95(_ contender: Int) -> Double { median { $0[contender].result.p95Milliseconds } }
        func ratio(to contender: Int) -> Double {
            median { $0[0].result.transactionsPerSecond / $0[contender].result.transactionsPerSecond }
        }
        func appliedRatio(to contender: Int) -> Double {
            median { $0[0].appliedPerSecond / $0[contender].appliedPerSecond }
        }
        private func median(_ figure: ([Contender.Run]) -> Double) -> Double { runs.map(figure).percentile(0.5) }
    }

    private func usage(_ cluster: LabCluster) -> Double {
        cluster.nodes.compactMap(\.agentPID).map(ProcessUsage.cpuSeconds).reduce(0, +)
    }

    private func report(_ figures: Figures, cpuPer1000: Double, _ cluster: LabCluster) throws {
        let peak = cluster.nodes.compactMap(\.agentPID).map(ProcessUsage.peakResidentMB).max() ?? 0
        if json {
            try printJSON([
                "threads": figures.threads, "wolfscale_tps": figures.perSecond(0).rounded(1),
                "semisync_tps": figures.perSecond(1).rounded(1),
                "durable_semisync_tps": figures.perSecond(2).rounded(1),
                "async_tps": figures.perSecond(3).rounded(1), "ratio_semisync": figures.ratio(to: 1).rounded(3),
                "ratio_durable_semisync": figures.ratio(to: 2).rounded(3),
                "ratio_semisync_applied": figures.appliedRatio(to: 1).rounded(3),
                "ratio_durable_semisync_applied": figures.appliedRatio(to: 2).rounded(3),
                "p95_ms": figures.p95(0), "semisync_p95_ms": figures.p95(1),
                "agents_cpu_s_per_1000": cpuPer1000.rounded(4), "agent_rss_mb": peak.rounded(1),
            ])
        } else {
            let columns: [(Double, Int, Int)] = [
                (Double(figures.threads), 7, 0), (figures.perSecond(0), 11, 1), (figures.perSecond(1), 10, 1),
                (figures.perSecond(2), 10, 1), (figures.perSecond(3), 10, 1), (figures.ratio(to: 1), 16, 3),
                (figures.ratio(to: 2), 15, 3), (figures.appliedRatio(to: 2), 15, 3), (figures.p95(0), 8, 2),
                (figures.p95(1), 17, 2), (cpuPer1000, 14, 3), (peak, 9, 1),
            ]
            printLine(
                columns.map { value, width, digits in
                    let text = digits == 0 ? "\(Int(value))" : "\(value.rounded(digits))"
                    return String(repeating: " ", count: max(0, width - text.count)) + text
                }.joined())
        }
    }
}
