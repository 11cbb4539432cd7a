import ArgumentParser
import Foundation
import LabSupport
import MariaDBClient

struct ProxyBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-proxy",
        abstract: "sysbench directly, through HAProxy in TCP mode and through this proxy, in turns on one cluster.")

    @Option(help: "Seconds of each run.") var seconds = 8
    @Option(help: "Runs of each; the median counts.") var rounds = 3
    @Option(help: "Client threads, separated by commas.") var threads = "1,16,64"
    @Option(help: "sysbench's workloads, separated by commas.")
    var works = "oltp_point_select,oltp_read_only,oltp_read_write"
    @Option(help: "Idle clients whose memory is measured; 0 for none.") var idle = 500
    @Flag(help: "The follower's proxy reaches the leader's database through the leader's agent, with TLS.") var tunnel =
        false
    @Flag(help: "One JSON object a line.") var json = false

    func run() throws {
        let cluster = try LabCluster(
            name: "bench-proxy",
            settings: [
                "proxy": ["enabled = true", "tunnel = \(tunnel)", "max_connections = \(max(2_000, idle + 100))"],
                "database": ["server_options = [\"max_connections=5000\"]"],
            ], tls: tunnel)
        defer { cluster.remove() }
        progress("starting three agents with their databases")
        try cluster.start(3)
        let leader = try cluster.leader()
        let follower = try cluster.followers()[0]
        let haproxy = try HAProxy(database: leader.databasePort, folder: cluster.folder)
        defer { haproxy.stop() }
        try Sysbench(port: leader.databasePort).prepare()
        try cluster.waitUntilApplied(within: .seconds(120))
        let added = try latency(leader, haproxy)
        if !json {
            printLine(
                "median of one read: " + added.map { "\($0.name) \($0.median.rounded(1)) µs" }.joined(separator: ", "))
            printLine(
                "work                threads    direct   haproxy  wolfscale  follower  ratio_direct  ratio_haproxy")
        }
        for work in works.split(separator: ",").map(String.init) {
            for count in threads.split(separator: ",").compactMap({ Int($0) }) {
                try measure(work, count, leader, follower, haproxy, added)
            }
        }
        if idle > 0 { try measureIdle(follower, leader) }
    }

    private func measure(
        _ work: String, _ threads: Int, _ leader: LabNode, _ follower: LabNode, _ haproxy: HAProxy,
        _ added: [(name: String, median: Double)]
    ) throws {
        var results: [[Sysbench.Result]] = [[], [], [], []]
        var cpu = 0.0
        var queries = 0.0
        for round in 1...rounds {
            progress("\(work), \(threads) threads, round \(round) of \(rounds)")
            for (index, port) in [leader.databasePort, haproxy.port, leader.proxyPort, follower.proxyPort].enumerated()
            {
                var bench = Sysbench(port: port)
                bench.work = work
                let before = leader.agentPID.map(ProcessUsage.cpuSeconds) ?? 0
                let result = try bench.run(threads: threads, seconds: seconds)
                if index == 2 {
                    cpu += (leader.agentPID.map(ProcessUsage.cpuSeconds) ?? 0) - before
                    queries += result.queriesPerSecond * Double(seconds)
                }
                results[index].append(result)
            }
        }
        func median(_ index: Int) -> Double { results[index].map(\.queriesPerSecond).percentile(0.5) }
        func ratio(_ index: Int) -> Double {
            zip(results[2], results[index]).map { $0.queriesPerSecond / $1.queriesPerSecond }.percentile(0.5)
        }
        let p95 = results.map { $0.map(\.p95Milliseconds).percentile(0.5) }
        let addedMicroseconds = added[2].median - added[0].median
        if json {
            try printJSON([
                "work": work, "threads": threads, "direct_qps": median(0).rounded(0),
                "haproxy_qps": median(1).rounded(0),
                "wolfscale_qps": median(2).rounded(0), "follower_qps": median(3).rounded(0),
                "ratio_direct": ratio(0).rounded(3), "ratio_haproxy": ratio(1).rounded(3),
                "added_p50_us": addedMicroseconds.rounded(1),
                "haproxy_added_p50_us": (added[1].median - added[0].median).rounded(1),
                "p95_ms": p95[2], "direct_p95_ms": p95[0],
                "cpu_s_per_1000": (cpu * 1_000 / max(1, queries)).rounded(4),
            ])
        } else {
            let columns = [median(0), median(1), median(2), median(3)].map { String(Int($0)) }
            printLine(
                work.padding(toLength: 20, withPad: " ", startingAt: 0) + pad("\(threads)", 7)
                    + zip(columns, [10, 10, 11, 10]).map { pad($0, $1) }.joined()
                    + pad("\(ratio(0).rounded(3))", 14) + pad("\(ratio(1).rounded(3))", 15))
        }
    }

    private func pad(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// Medians of one small read after the other, in microseconds.
    private func latency(_ leader: LabNode, _ haproxy: HAProxy) throws -> [(name: String, median: Double)] {
        let places = [("direct", leader.databasePort), ("haproxy", haproxy.port), ("wolfscale", leader.proxyPort)]
        let sessions = try places.map { name, port in
            (
                name,
                try SQLSession(
                    SQLConfiguration(
                        address: .tcp(host: "127.0.0.1", port: port), user: LabNode.user, password: LabNode.password,
                        database: LabNode.schema))
            )
        }
        var times: [String: [Double]] = [:]
        // In short turns, so that whatever else the machine does meets all of them.
        for _ in 0..<40 {
            for (name, session) in sessions {
                for id in 1...250 {
                    let begin = ContinuousClock.now
                    try session.query("SELECT c FROM sbtest1 WHERE id = \(id)")
                    times[name, default: []].append((ContinuousClock.now - begin) / .microseconds(1))
                }
            }
        }
        return sessions.map { ($0.0, times[$0.0, default: []].percentile(0.5)) }
    }

    private func measureIdle(_ node: LabNode, _ leader: LabNode) throws {
        guard let pid = node.agentPID, let leaderPID = leader.agentPID else { return }
        let leaderBefore = ProcessUsage.residentMB(leaderPID)
        let before = ProcessUsage.residentMB(pid)
        var sessions: [SQLSession] = []
        for _ in 0..<idle {
            let session = try node.proxyClient()
            try session.query("SELECT 1")
            sessions.append(session)
        }
        let after = ProcessUsage.residentMB(pid)
        let each = ((after - before) * 1_000 / Double(idle)).rounded(1)
        if json {
            try printJSON([
                "idle_clients": idle, "rss_mb_before": before.rounded(1), "rss_mb": after.rounded(1),
                "kb_per_client": each,
                "leader_rss_mb_before": leaderBefore.rounded(1),
                "leader_rss_mb": ProcessUsage.residentMB(leaderPID).rounded(1), "tunnel": tunnel,
            ])
        } else {
            printLine(
                "\(idle) idle clients: agent's memory \(before.rounded(1)) → \(after.rounded(1)) MB "
                    + "(\(each) KB a client), the leader's "
                    + "\(leaderBefore.rounded(1)) → \(ProcessUsage.residentMB(leaderPID).rounded(1)) MB")
        }
        for session in sessions { session.close() }
    }
}
