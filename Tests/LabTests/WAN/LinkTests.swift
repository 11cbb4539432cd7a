import ClusterCore
import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// A learner behind a TCP relay, which delays, cuts and thins the line while the leader is written to.
    @Suite struct LinkTests {
        struct Site {
            let cluster: LabCluster
            let relay: TCPRelay
            let leader: LabNode
            let learner: LabNode

            /// What the leader's `/status` says of its link to the learner.
            func link() throws -> [String: Any] {
                let answer = try leader.http("GET", "/status")
                let status = try JSONSerialization.jsonObject(with: answer.body) as? [String: Any]
                let links = status?["links"] as? [[String: Any]] ?? []
                return links.first { $0["peer"] as? String == learner.id } ?? [:]
            }
            func number(_ key: String) throws -> Int { (try link()[key] as? NSNumber)?.intValue ?? 0 }
        }

        /// One voter, and a learner that the leader reaches through a relay.
        static func withSite(
            _ name: String, _ line: Line, settings: [String: [String]] = [:], learnerSettings: [String: [String]] = [:],
            tls: Bool = false, _ body: (Site) throws -> Void
        ) throws {
            try LabTests.withCluster(
                name, nodes: 0, settings: LabCluster.quickElections.merging(settings) { $0 + $1 }, tls: tls
            ) { cluster in
                let leader = try cluster.addNode()
                let port = try FreePort.take()
                let address = ["role = \"learner\"", "advertise_address = \"127.0.0.1:\(port)\""]
                let learner = try cluster.addNode(more: learnerSettings.merging(["node": address]) { $1 + $0 })
                let relay = try TCPRelay(to: ("127.0.0.1", learner.peerPort), port: port, line: line)
                defer { relay.close() }
                try cluster.start(2)
                let client = try leader.client()
                try client.query("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(80), b LONGBLOB)")
                client.close()
                try body(Site(cluster: cluster, relay: relay, leader: leader, learner: learner))
            }
        }

        /// A megabyte that nothing compresses, as SQL.
        static func noise(_ generator: inout SplitMix64) -> String {
            let digits = Array("0123456789abcdef".utf8)
            var text: [UInt8] = []
            text.reserveCapacity(2 << 20)
            while text.count < 2_000_000 {
                var word = generator.next()
                for _ in 0..<16 {
                    text.append(digits[Int(word & 15)])
                    word >>= 4
                }
            }
            return "x'\(String(decoding: text, as: UTF8.self))'"
        }

        /// One client's commits, one after the other.
        static func commits(_ client: SQLSession, seconds: Double) throws -> (rate: Int, slowestMilliseconds: Int) {
            let begin = Workload.now
            var (count, slowest, last) = (0, 0.0, begin)
            while last - begin < seconds {
                try client.query("INSERT INTO t (a) VALUES ('x')")
                let now = Workload.now
                slowest = max(slowest, now - last)
                last = now
                count += 1
            }
            return (Int(Double(count) / seconds), Int(slowest * 1_000))
        }

        /// `WOLFSCALE_LAB_CUTS=200` for the whole of it.
        @Test func aLineCutAtRandomLosesAndDoublesNothing() throws {
            let cuts = Int(ProcessInfo.processInfo.environment["WOLFSCALE_LAB_CUTS"] ?? "") ?? 20
            let seed = UInt64.random(in: 0 ... .max)
            print("seed \(seed)")
            var generator = SplitMix64(seed: seed)
            let settings = ["link": ["streams = 3", "window_mb = 4"], "wal": ["max_fragment_kb = 64"]]
            let line = Line.wan(roundTrip: .milliseconds(10), megabits: 50)
            try Self.withSite("cuts", line, settings: settings) { site in
                let client = try site.leader.client(readTimeout: .seconds(60))
                for _ in 0..<cuts {
                    for _ in 0..<20 { try client.query("INSERT INTO t (a) VALUES (RANDOM_BYTES(20))") }
                    // In fragments, and so much that the line is busy with it for longer than it lives.
                    try client.query("INSERT INTO t (b) VALUES (\(Self.noise(&generator)))")
                    usleep(useconds_t.random(in: 0...150_000, using: &generator))
                    site.relay.cut()
                }
                try site.cluster.waitUntilApplied(within: .seconds(300))
                try site.cluster.requireEqual()
                let link = try site.link()
                print("after \(cuts) cuts: \(link)")
                // What is sent again was under way: at most the window and what waited to go out, each time.
                let resent = try site.number("bytes_resent")
                #expect(resent > 0 && resent <= cuts * (8 << 20))
                #expect(link["compression"] as? String == "zstd")
                #expect(try site.number("bytes_wire") < site.number("bytes_raw"))
                #expect(link["streams"] as? Int == 3)
            }
        }

        /// Connections that die at any byte of the handshake, TLS and ours, and of the first frames after it.
        @Test func aLineCutInItsHandshakesLosesAndDoublesNothing() throws {
            let cuts = Int(ProcessInfo.processInfo.environment["WOLFSCALE_LAB_CUTS"] ?? "") ?? 8
            let seed = UInt64.random(in: 0 ... .max)
            print("seed \(seed)")
            var generator = SplitMix64(seed: seed)
            let settings = ["link": ["streams = 2"], "wal": ["max_fragment_kb = 64"]]
            let line = Line.wan(roundTrip: .milliseconds(10), megabits: 50)
            try Self.withSite("handshakes", line, settings: settings, tls: true) { site in
                let client = try site.leader.client(readTimeout: .seconds(60))
                var counts: [Int] = []
                for _ in 0..<cuts {
                    for _ in 0..<5 { try client.query("INSERT INTO t (a) VALUES (RANDOM_BYTES(20))") }
                    try client.query("INSERT INTO t (b) VALUES (REPEAT(RANDOM_BYTES(1000), 200))")
                    let before = site.relay.shortLived
                    site.relay.setLifetime(bytes: Int.random(in: 1...3_000, using: &generator))
                    site.relay.cut()
                    try Lab.eventually("a new connection dies young", within: .seconds(15)) {
                        site.relay.shortLived > before
                    }
                    site.relay.setLifetime(bytes: nil)
                    counts.append(site.relay.shortLived - before)
                }
                print("connections that died young: \(counts.reduce(0, +))")
                try site.cluster.requireEqual()
                #expect(try site.link()["streams"] as? Int == 2)
                let rows = try client.query("SELECT COUNT(*) FROM t").scalar.flatMap { Int($0) }
                #expect(rows == cuts * 6)
            }
        }

        /// A thin line and a backlog: progress is told, commits at home and the peace of the cluster do not suffer.
        @Test func aBacklogOverAThinLineIsCountedDown() throws {
            let line = Line.wan(roundTrip: .milliseconds(40), megabits: 10)
            try Self.withSite("backlog", line) { site in
                let term = try site.leader.status().raft.term
                site.learner.endAgent(SIGKILL)
                let client = try site.leader.client(readTimeout: .seconds(60))
                // 24 MB on the line, some 20 s.
                var generator = SplitMix64(seed: 1)
                for _ in 0..<24 { try client.query("INSERT INTO t (b) VALUES (\(Self.noise(&generator)))") }
                try site.learner.start(.again)
                var seen: [String: Any] = [:]
                try Lab.eventually("the catch-up has a rate and an end", within: .seconds(30)) {
                    seen = try site.link()["catch_up"] as? [String: Any] ?? [:]
                    return (seen["bytes_per_s"] as? NSNumber)?.intValue ?? 0 > 0 && seen["eta_seconds"] is NSNumber
                }
                print("while catching up: \(seen)")
                let during = try Self.commits(client, seconds: 3)
                try site.cluster.waitUntilApplied(within: .seconds(120))
                let after = try Self.commits(client, seconds: 3)
                print("commits a second: \(during.rate) while it catches up, \(after.rate) afterwards")
                print("slowest meanwhile: \(during.slowestMilliseconds) ms")
                // The backlog is on its way for 20 s: a commit that waited behind it would take longer. How much slower commits get is
                // for `bench.sh wan --commits-at-home` to say.
                #expect(during.slowestMilliseconds < 3_000)
                #expect(Double(during.rate) > 0.25 * Double(after.rate))
                try site.cluster.waitUntilApplied(within: .seconds(120))
                try site.cluster.requireEqual()
                #expect(try site.leader.status().raft.term == term)
                try Lab.eventually("it says that nothing is left", within: .seconds(10)) {
                    try site.link()["catch_up"] is NSNull
                }
                for node in site.cluster.nodes {
                    #expect(ProcessUsage.peakResidentMB(try #require(node.agentPID)) < 150)
                }
            }
        }

        /// The learner's disk runs full, and has room again.
        @Test func aFullDiskStopsTheLearnerAndNothingElse() throws {
            let folder = try Lab.makeFolder("small-disk")
            guard (try? Lab.run("mount", ["-t", "tmpfs", "-o", "size=700m", "none", folder])) != nil else {
                print("skipped: a small disk needs the right to mount one")
                return
            }
            defer {
                _ = try? Lab.run("umount", ["-l", folder])
                _ = try? FileManager.default.removeItem(atPath: folder)
            }
            let small = ["wal": ["segment_size_mb = 8"], "link": ["window_mb = 4"]]
            try Self.withSite(
                "full", .ideal, settings: small, learnerSettings: ["node": ["data_dir = \"\(folder)/data\""]]
            ) { site in
                let client = try site.leader.client()
                try client.query("INSERT INTO t (a) VALUES ('before')")
                try Lab.run(
                    "bash",
                    [
                        "-c",
                        "fallocate -l $(( $(df --output=avail -B1 \(folder) | tail -1) - 60000000 )) \(folder)/filler",
                    ])
                try Lab.eventually("the leader hears of it", within: .seconds(15)) {
                    try site.link()["state"] as? String == "paused"
                }
                var generator = SplitMix64(seed: 2)
                for _ in 0..<20 { try client.query("INSERT INTO t (b) VALUES (\(Self.noise(&generator)))") }
                #expect(try site.learner.status().log.durableLsn < site.leader.status().log.durableLsn)
                #expect(site.learner.agentIsRunning)
                try FileManager.default.removeItem(atPath: folder + "/filler")
                try Lab.eventually("it goes on", within: .seconds(15)) { try site.link()["state"] as? String == "up" }
                try Lab.eventually("the learner has it", within: .seconds(30)) {
                    try site.learner.status().log.durableLsn == site.leader.status().log.durableLsn
                }
                #expect(site.learner.agentIsRunning)
            }
        }
    }
}
