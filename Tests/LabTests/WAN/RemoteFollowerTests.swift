import ClusterCore
import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// Three voters at home and a learner behind an emulated line.
    @Suite struct RemoteFollowerTests {
        struct Site {
            let wan: PacketWAN
            let cluster: LabCluster
            let learner: LabNode
        }

        /// Runs `body` on a started cluster, or says why not.
        static func withSite(
            _ line: Line, settings: [String: [String]] = [:], voters: Int = 3, _ body: (Site) throws -> Void
        ) throws {
            if let obstacle = PacketWAN.obstacle {
                print("skipped: \(obstacle)")
                return
            }
            let wan = try PacketWAN(line)
            defer { wan.remove() }
            try LabTests.withCluster(
                "remote", nodes: 0, settings: LabCluster.quickElections.merging(settings) { $0 + $1 }
            ) { cluster in
                for _ in 0..<voters { try cluster.addNode(host: wan.address(.home), prefix: wan.prefix(.home)) }
                let learner = try cluster.addNode(
                    host: wan.address(.away), prefix: wan.prefix(.away), more: ["node": ["role = \"learner\""]])
                try cluster.start(voters + 1)
                try cluster.leader().client().query("CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)")
                try body(Site(wan: wan, cluster: cluster, learner: learner))
            }
        }

        private func member(_ id: String, at node: LabNode) throws -> [String: Any] {
            let answer = try node.http("GET", "/cluster/nodes")
            let list = try JSONSerialization.jsonObject(with: answer.body) as? [[String: Any]] ?? []
            return try #require(list.first { $0["id"] as? String == id })
        }

        /// Writes one row after the other and returns how long the median one took, in milliseconds.
        private func medianWrite(_ leader: LabNode, from first: Int, count: Int = 60) throws -> Double {
            let client = try leader.client()
            let times = try (first..<first + count).map { id in
                let begin = Workload.now
                try client.query("INSERT INTO t VALUES (\(id), 'x')")
                return (Workload.now - begin) * 1_000
            }.sorted()
            return times[count / 2]
        }

        @Test func aLearnerNeverSlowsACommitNorVotes() throws {
            try Self.withSite(.wan(roundTrip: .milliseconds(200), megabits: 20)) { site in
                let leader = try site.cluster.leader()
                #expect(try member(site.learner.id, at: leader)["role"] as? String == "learner")
                #expect(try site.learner.status().raft.state == "learner")
                // A commit that waited for the learner would take a round trip at least.
                let open = try medianWrite(leader, from: 0)
                #expect(open < 100, "\(open) ms with the line open")
                site.wan.setBlackHole(true)
                let cut = try medianWrite(leader, from: 1_000)
                #expect(cut < 100, "\(cut) ms with the line cut")
                print("median commit: \(open.rounded()) ms with the line open, \(cut.rounded()) ms with it cut")

                // With the learner there are three of four left, but two of three voters: a second loss must stop the writes.
                let dead = leader
                dead.endAgent(SIGKILL)
                dead.signalDatabase(SIGKILL)
                let heir = try site.cluster.waitUntilWritable()
                #expect(heir !== site.learner)
                try heir.client().query("INSERT INTO t VALUES (2000, 'x')")
                site.wan.setBlackHole(false)
                try dead.start(.again)
                try site.cluster.waitUntilComplete()
                #expect(try member(site.learner.id, at: heir)["role"] as? String == "learner")
                try site.cluster.requireEqual()
            }
        }

        @Test func aLearnerAndOneVoterAreNoMajority() throws {
            try Self.withSite(.wan(roundTrip: .milliseconds(20), megabits: 100)) { site in
                let leader = try site.cluster.leader()
                let others = site.cluster.nodes.filter { $0 !== leader && $0 !== site.learner }
                for node in others { node.endAgent(SIGKILL) }
                try Lab.eventually("the last voter steps down, learner or not", within: .seconds(30)) {
                    try leader.status().raft.state != "leader"
                }
                #expect(try site.learner.status().database.writable == false)
                for node in others { try node.start(.again) }
                try site.cluster.waitUntilComplete()
            }
        }

        @Test func aLearnerComesBackAfterCutsAtRandomMoments() throws {
            let seed = UInt64.random(in: 0 ... .max)
            print("seed \(seed)")
            var generator = SplitMix64(seed: seed)
            let cuts = Int(ProcessInfo.processInfo.environment["WOLFSCALE_LAB_CUTS"] ?? "") ?? 10
            let settings = ["link": ["timeout_ms = 1000"], "wal": ["max_fragment_kb = 64"]]
            try Self.withSite(
                .wan(roundTrip: .milliseconds(30), megabits: 50, lossPercent: 0.2), settings: settings, voters: 1
            ) { site in
                let client = try site.cluster.leader().client()
                for cut in 1...cuts {
                    // Small transactions, one in fragments, and the line dies in one of them or in the handshake after the last.
                    for row in 0..<20 { try client.query("INSERT INTO t VALUES (\(cut * 100 + row), 'x')") }
                    try client.query("INSERT INTO t VALUES (\(cut * 100 + 50), REPEAT(RANDOM_BYTES(1000), 400))")
                    usleep(useconds_t.random(in: 0...120_000, using: &generator))
                    site.wan.setBlackHole(true, from: .home)
                    if Bool.random(using: &generator) { site.wan.setBlackHole(true, from: .away) }
                    usleep(useconds_t.random(in: 0...1_500_000, using: &generator))
                    site.wan.setBlackHole(false)
                    usleep(useconds_t.random(in: 0...300_000, using: &generator))
                }
                try site.cluster.waitUntilApplied(within: .seconds(120))
                try site.cluster.requireEqual()
            }
        }

        @Test func aLearnerWhosePositionIsGoneIsToldWhatToDo() throws {
            let small = ["wal": ["max_size_mb = 64", "segment_size_mb = 8"]]
            try Self.withSite(.wan(roundTrip: .milliseconds(20), megabits: 100), settings: small, voters: 1) { site in
                try site.cluster.waitUntilApplied()
                let had = try site.learner.status().log.lastLsn
                site.learner.endAgent(SIGTERM)
                let leader = try site.cluster.leader()
                let client = try leader.client(readTimeout: .seconds(120))
                try client.query("CREATE TABLE noise (id INT AUTO_INCREMENT PRIMARY KEY, b VARBINARY(1000))")
                for _ in 1...160 {
                    try client.query("INSERT INTO noise (b) SELECT RANDOM_BYTES(1000) FROM seq_1_to_800")
                }
                try Lab.eventually("the log no longer begins at the beginning", within: .seconds(30)) {
                    try site.cluster.firstLSN(leader) > had + 1
                }
                try site.learner.start(.again)
                try Lab.eventually("the leader says so", within: .seconds(30)) {
                    try member(site.learner.id, at: leader)["state"] as? String == "needs_provision"
                }
                for node in [leader, site.learner] {
                    try Lab.eventually("\(node.id) says what to do", within: .seconds(15)) {
                        try site.cluster.warnings(node).contains {
                            $0.contains(site.learner.id) && $0.contains("wolfscale members remove")
                        }
                    }
                }
                #expect(try site.learner.http("GET", "/health").status == 503)
                // It stands still; home does not care.
                try client.query("INSERT INTO t VALUES (99, 'x')")
            }
        }
    }
}

extension LabCluster {
    fileprivate func document(_ node: LabNode) throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: node.http("GET", "/status").body) as? [String: Any] ?? [:]
    }
    fileprivate func warnings(_ node: LabNode) throws -> [String] {
        try document(node)["warnings"] as? [String] ?? []
    }
    fileprivate func firstLSN(_ node: LabNode) throws -> UInt64 {
        let log = try document(node)["log"] as? [String: Any]
        return (log?["first_lsn"] as? NSNumber)?.uint64Value ?? 0
    }
}
