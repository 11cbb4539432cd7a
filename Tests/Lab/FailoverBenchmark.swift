import ArgumentParser
import Foundation
import Glibc
import LabSupport

struct FailoverBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-failover",
        abstract: "How long a client that retries every 10 ms finds nobody who takes its writes.")

    @Option(help: "Runs of each fault.") var runs = 10
    @Flag(help: "Elections after 300 to 600 ms instead of the defaults.") var quick = false
    @Flag(help: "One JSON object a line.") var json = false

    private enum Kind: String, CaseIterable {
        case mariadbdKilled = "mariadbd_killed"
        case agentKilled = "agent_killed"
        case bothKilled = "both_killed"
        case leaderFrozen = "leader_frozen"
    }

    func run() throws {
        let cluster = try LabCluster(name: "bench-failover", settings: quick ? LabCluster.quickElections : [:])
        defer { cluster.remove() }
        progress("starting three agents with their databases")
        try cluster.start(3)
        try FailoverProbe.prepare(cluster)
        if !json { printLine("fault              p50_ms    p95_ms    max_ms   lost  phantom") }
        var firstID: UInt64 = 1
        for kind in Kind.allCases {
            var gaps: [Double] = []
            let probe = FailoverProbe(cluster: cluster, firstID: firstID)
            firstID += 100_000_000
            probe.start()
            for run in 1...runs {
                let gap = try inflict(kind, cluster, probe)
                progress("\(kind.rawValue) \(run)/\(runs): \(Int(gap)) ms")
                gaps.append(gap)
            }
            probe.stop()
            try cluster.waitUntilApplied()
            var lost = 0
            var phantom = 0
            for node in cluster.nodes {
                let found = try probe.check(node)
                lost = max(lost, found.lost)
                phantom = max(phantom, found.phantom)
            }
            let figures = [gaps.percentile(0.5), gaps.percentile(0.95), gaps.max() ?? 0].map { $0.rounded() }
            if json {
                try printJSON([
                    "fault": kind.rawValue, "runs": runs, "p50_ms": figures[0], "p95_ms": figures[1],
                    "max_ms": figures[2], "lost": lost, "phantom": phantom, "quick_elections": quick,
                ])
            } else {
                let cells = figures.map { "\(Int($0))" } + ["\(lost)", "\(phantom)"]
                let line = zip(cells, [8, 10, 10, 7, 9]).map { cell, width in
                    String(repeating: " ", count: max(0, width - cell.count)) + cell
                }.joined()
                printLine(kind.rawValue.padding(toLength: 17, withPad: " ", startingAt: 0) + line)
            }
        }
        try cluster.requireEqual()
    }

    private func inflict(_ kind: Kind, _ cluster: LabCluster, _ probe: FailoverProbe) throws -> Double {
        try cluster.waitUntilComplete()
        let before = probe.successCount
        try Lab.eventually("the probe writes") { probe.successCount > before + 20 }
        let leader = try cluster.leader()
        let database = leader.databasePID
        let mark = Workload.now
        switch kind {
        case .mariadbdKilled: leader.signalDatabase(SIGKILL)
        case .agentKilled: leader.endAgent(SIGKILL)
        case .bothKilled:
            leader.signalDatabase(SIGKILL)
            leader.endAgent(SIGKILL)
        case .leaderFrozen:
            leader.signalAgent(SIGSTOP)
            leader.signalDatabase(SIGSTOP)
        }
        let count = probe.successCount
        try Lab.eventually("writes are taken again", within: .seconds(60)) { probe.successCount > count + 20 }
        let gap = probe.gap(since: mark) ?? 0
        if kind == .leaderFrozen {
            if let database { kill(database, SIGCONT) }
            leader.signalAgent(SIGCONT)
        }
        if !leader.agentIsRunning { try leader.start(.again) }
        return gap
    }
}
