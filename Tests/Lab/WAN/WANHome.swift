import Foundation
import Glibc
import LabSupport
import MariaDBClient

/// Commits at home while a learner catches up over a line that it fills: the same load in turns, with the line idle, with
/// another TCP connection filling it, and with the learner catching up. The second tells what the emulated line itself costs
/// this machine: `home_ratio` compares with the first, `home_ratio_line` with the second.
///
/// Both sites share this machine, which is not what is asked. So what is away runs when nobody else wants to, its disk is in memory,
/// and its server stands still while it is measured; and each host at home may be given a processor share of its own, so that
/// neither the others nor the emulated line take it away: what is left is what a learner costs those at home.
struct WANHome {
    let line: WANLine
    let voters: Int
    let rounds: Int
    let seconds: Int
    let threads: Int
    let backlogMB: Int
    /// Processors for each host at home, and for the load's; nil: all share all.
    let hostCores: Double?
    let link: [String]
    let tls: Bool
    let seed: UInt64

    /// Woken for each packet, and at real-time priority, the line took an eighth of the commits by itself.
    private static let coalescing = Duration.milliseconds(4)

    private struct Site {
        let wan: PacketWAN
        let cluster: LabCluster
        let leader: LabNode
        let learner: LabNode
    }

    func measure() throws -> [String: Any] {
        let wan = try PacketWAN(.ideal, coalescing: Self.coalescing, seed: seed)
        defer { wan.remove() }
        let shares = try (0...voters).map { host in
            try hostCores.map { try ProcessorShare(name: host == 0 ? "load" : "home-\(host)", cores: $0) }
        }
        defer { for share in shares { share?.remove() } }
        let cluster = try LabCluster(name: "bench-wan-home", settings: link.isEmpty ? [:] : ["link": link], tls: tls)
        defer { cluster.remove() }
        for share in shares.dropFirst() {
            try cluster.addNode(host: wan.address(.home), prefix: (share?.prefix ?? []) + wan.prefix(.home))
        }
        let learner = try cluster.addNode(
            host: wan.address(.away), prefix: wan.prefix(.away) + ["chrt", "--idle", "0"],
            more: ["node": ["role = \"learner\""]])
        let disk = learner.dataDirectory
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        try Lab.run("mount", ["-t", "tmpfs", "-o", "size=\(4 * backlogMB + 2_048)m", "none", disk])
        defer {
            learner.endAgent(SIGKILL)
            learner.signalDatabase(SIGKILL)
            do { try Lab.run("umount", ["-l", disk]) } catch { progress("\(disk) stays mounted: \(error)") }
        }
        if tls { try cluster.certify(learner) }
        progress("starting \(voters) voters at home and a learner away")
        try cluster.start(voters + 1)
        let site = Site(wan: wan, cluster: cluster, leader: try cluster.leader(), learner: learner)
        var bench = Sysbench(host: site.leader.host, port: site.leader.databasePort)
        bench.prefix = shares[0]?.prefix ?? []
        try bench.prepare()
        try ReplicatedLoad.incompressible.prepare(site.leader)
        try cluster.waitUntilApplied(within: .seconds(300))
        learner.endAgent(SIGTERM)
        progress("writing \(backlogMB) MiB of binlog that nothing compresses")
        _ = try ReplicatedLoad.incompressible.write(site.leader, binlogBytes: backlogMB << 20)
        try cluster.waitUntilApplied(within: .seconds(300))
        wan.set(line.line)
        return try compare(site, bench)
    }

    private func compare(_ site: Site, _ bench: Sysbench) throws -> [String: Any] {
        var rates: (alone: [Double], line: [Double], meanwhile: [Double]) = ([], [], [])
        var fills: [Double] = []
        for round in 1...rounds {
            progress("round \(round) of \(rounds)")
            rates.alone.append(try bench.run(threads: threads, seconds: seconds).transactionsPerSecond)
            // The voters may still apply what was written.
            try site.cluster.waitUntilApplied(within: .seconds(120))
            rates.line.append(
                try withFilledLine(site.wan) {
                    try bench.run(threads: threads, seconds: seconds).transactionsPerSecond
                })
            try site.cluster.waitUntilApplied(within: .seconds(120))
            try site.learner.start(.again)
            try Lab.eventually("the learner catches up", within: .seconds(60)) { try isCatchingUp(site) }
            site.learner.signalDatabase(SIGSTOP)
            let (bytes, begin) = (site.wan.counters(from: .home).bytes, Workload.now)
            rates.meanwhile.append(try bench.run(threads: threads, seconds: seconds).transactionsPerSecond)
            let sent = Double(site.wan.counters(from: .home).bytes - bytes) * 8
            fills.append(sent / (line.megabits * 1_000_000) / (Workload.now - begin) * 100)
            guard try isCatchingUp(site) else { throw LabError("the backlog was too small: --backlog-mb") }
            site.learner.endAgent(SIGKILL)
            site.learner.signalDatabase(SIGKILL)
            try site.cluster.waitUntilApplied(within: .seconds(120))
        }
        func ratio(to others: [Double]) -> Double {
            zip(rates.meanwhile, others).map { $0 / $1 }.percentile(0.5).rounded(3)
        }
        return [
            "measured": "home", "rate_mbit": line.megabits, "loss_percent": line.lossPercent,
            "round_trip_ms": line.roundTrip, "voters": voters, "threads": threads, "rounds": rounds,
            "host_cores": hostCores ?? 0,
            "commits_per_s_alone": rates.alone.percentile(0.5).rounded(1),
            "commits_per_s_with_filled_line": rates.line.percentile(0.5).rounded(1),
            "commits_per_s_while_catching_up": rates.meanwhile.percentile(0.5).rounded(1),
            "home_ratio": ratio(to: rates.alone), "home_ratio_line": ratio(to: rates.line),
            "line_fill_percent": fills.percentile(0.5).rounded(1),
        ]
    }

    /// Runs `body` while a connection sends as fast as the line takes it.
    private func withFilledLine<Value>(_ wan: PacketWAN, _ body: () throws -> Value) throws -> Value {
        let ends = try Transfer.connection(over: wan)
        defer { for end in [ends.home, ends.away] { close(end) } }
        let finished = DispatchSemaphore(value: 0)
        let stranger = Thread {
            do {
                _ = try Transfer.run(from: ends.home, to: ends.away, seconds: .infinity)
            } catch { progress("the line was not filled: \(error)") }
            finished.signal()
        }
        stranger.start()
        defer {
            for end in [ends.home, ends.away] { shutdown(end, Int32(SHUT_RDWR)) }
            finished.wait()
        }
        return try body()
    }

    /// As the leader's `/status` says.
    private func isCatchingUp(_ site: Site) throws -> Bool {
        let status =
            try JSONSerialization.jsonObject(with: site.leader.http("GET", "/status").body) as? [String: Any]
        let links = status?["links"] as? [[String: Any]] ?? []
        let catchUp = links.first { $0["peer"] as? String == site.learner.id }?["catch_up"] as? [String: Any]
        return (catchUp?["bytes_per_s"] as? NSNumber)?.intValue ?? 0 > 0
    }
}
