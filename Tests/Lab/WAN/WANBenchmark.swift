import ArgumentParser
import Foundation
import LabSupport

struct WANBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-wan",
        abstract: "Replication over an emulated line: this link, and MariaDB's own replication.",
        discussion: """
            For each workload a backlog is written while nobody listens; then each contender receives and applies it over each \
            line, one after the other. Results come as they are found, and ratios to native replication when all of a line are there.
            """)

    @Option(help: "Any of sysbench,orders,bulk,incompressible.") var workloads = "sysbench,orders,bulk"
    @Option(help: "Mbit/s and percent of loss, as 100/0.1, separated by commas.") var lines = "20/0,100/0,100/0.1"
    @Option(help: "Any of wolfscale,native,native_compressed.") var contenders = "native,native_compressed,wolfscale"
    @Option(help: "Of the hosts, which native replication takes as it is: cubic,bbr.") var congestion = "cubic,bbr"
    @Option(help: "Milliseconds of round trip.") var roundTrip = 80
    @Option(name: .customLong("backlog-mb"), help: "MiB of binlog to be received.") var backlogMB = 500
    @Option(help: "Seconds at 500 transactions/s; 0: not measured.") var steadySeconds = 20
    @Option(help: "Voters at home.") var home = 1
    @Option(help: "A line for [link] of the agents' configuration, as 'streams = 4'; may be repeated.") var link:
        [String] = []
    @Flag(
        help:
            "Instead of all this: commits at home while a learner catches up over the first line, against those without it."
    )
    var commitsAtHome = false
    @Option(help: "Of --commits-at-home: turns.") var rounds = 5
    @Option(help: "Of --commits-at-home: seconds of each turn.") var seconds = 8
    @Option(help: "Of --commits-at-home: clients.") var threads = 8
    @Option(
        help: "Of --commits-at-home: processors for each host at home and for the load; all share all if not given.")
    var hostCores: Double?
    @Flag(help: "The agents talk without TLS, as native replication does.") var plainText = false
    @Option(help: "Seed of the losses.") var seed: UInt64 = 1
    @Flag(help: "One workload, one line, a small backlog: under five minutes.") var quick = false
    @Flag(help: "One JSON object a line.") var json = false

    func run() throws {
        if let obstacle = PacketWAN.obstacle { throw LabError("no emulated line here: \(obstacle)") }
        var plan = try WANPlan(
            workloads: workloads, lines: lines, contenders: contenders, congestion: congestion, roundTrip: roundTrip)
        var backlog = backlogMB
        var steady = steadySeconds
        if quick {
            plan.workloads = [.orders]
            plan.lines = [plan.lines[0]]
            plan.congestion = ["cubic"]
            backlog = min(backlog, 64)
            steady = min(steady, 8)
        }
        if commitsAtHome { return try measureHome(plan.lines[0]) }
        let report = WANReport(json: json)
        for workload in plan.workloads {
            progress("\(workload): starting the cluster and a learner for each line")
            let sites = try WANSites(
                workload: workload, lines: plan.lines, homeVoters: home, link: link, tls: !plainText, seed: seed)
            defer { sites.remove() }
            if steady > 0, workload != .bulk, workload != .incompressible {
                for line in plan.lines {
                    for contender in plan.contenders(everyCongestion: false) {
                        progress("\(workload), \(line), \(contender): 500 transactions/s")
                        report.add(try sites.measureSteady(contender, line, seconds: steady))
                    }
                }
            }
            progress("\(workload): writing \(backlog) MiB of binlog")
            try sites.writeBacklog(megabytes: backlog)
            for line in plan.lines {
                for contender in plan.contenders(everyCongestion: true) {
                    progress("\(workload), \(line), \(contender): \(backlog) MiB of backlog")
                    report.add(try sites.measureBacklog(contender, line))
                }
                try report.summarize(workload, line)
            }
        }
    }
}

extension WANBenchmark {
    private func measureHome(_ line: WANLine) throws {
        let home = WANHome(
            line: line, voters: max(home, 3), rounds: quick ? 2 : rounds, seconds: seconds, threads: threads,
            backlogMB: quick ? 150 : backlogMB, hostCores: hostCores, link: link, tls: !plainText, seed: seed)
        let fields = try home.measure()
        if json { return try printJSON(fields) }
        printLine(fields.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
    }
}

/// What is measured, in which order.
struct WANPlan {
    var workloads: [ReplicatedLoad]
    var lines: [WANLine]
    var kinds: [WANContender.Kind]
    var congestion: [String]

    init(workloads: String, lines: String, contenders: String, congestion: String, roundTrip: Int) throws {
        func values<T: RawRepresentable & CaseIterable>(_ text: String, _: T.Type) throws -> [T]
        where T.RawValue == String {
            try text.split(separator: ",").map { word in
                guard let value = T(rawValue: String(word)) else {
                    throw ValidationError("\(word) is none of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                return value
            }
        }
        self.workloads = try values(workloads, ReplicatedLoad.self)
        kinds = try values(contenders, WANContender.Kind.self)
        self.congestion = congestion.split(separator: ",").map(String.init)
        self.lines = try lines.split(separator: ",").map { try WANLine(String($0), roundTrip: roundTrip) }
        guard !self.lines.isEmpty, !self.workloads.isEmpty, !self.congestion.isEmpty else {
            throw ValidationError("nothing to measure")
        }
    }

    /// Native replication takes what the host has, so each is measured; the link chooses for itself and is measured once, on a
    /// host with the first.
    func contenders(everyCongestion: Bool) -> [WANContender] {
        kinds.flatMap { kind in
            let choices = kind == .wolfscale || !everyCongestion ? Array(congestion.prefix(1)) : congestion
            return choices.map { WANContender(kind: kind, hostCongestion: $0) }
        }
    }
}

struct WANLine: Hashable, CustomStringConvertible {
    var megabits: Double
    var lossPercent: Double
    var roundTrip: Int

    init(_ text: String, roundTrip: Int) throws {
        let parts = text.split(separator: "/").map { Double($0) }
        guard parts.count == 2, let megabits = parts[0], let loss = parts[1], megabits > 0, (0..<100).contains(loss)
        else { throw ValidationError("\(text) is not Mbit/s and percent of loss, as 100/0.1") }
        self.megabits = megabits
        lossPercent = loss
        self.roundTrip = roundTrip
    }

    var line: Line { .wan(roundTrip: .milliseconds(roundTrip), megabits: megabits, lossPercent: lossPercent) }
    var description: String { "\(megabits.rounded(1)) Mbit/s, \(lossPercent) % loss" }
}

struct WANContender: Hashable, CustomStringConvertible {
    enum Kind: String, CaseIterable {
        case wolfscale, native
        case nativeCompressed = "native_compressed"
    }
    var kind: Kind
    /// What TCP uses on the hosts.
    var hostCongestion: String
    var description: String { "\(kind.rawValue) on hosts with \(hostCongestion)" }
}
