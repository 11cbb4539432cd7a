import Foundation
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// Memory stays bounded whatever the length of the log, and of what a member has missed of it.
    @Suite struct LongLogTests {
        /// Megabytes that do not compress; as many others go with them that do. `WOLFSCALE_LAB_LOG_MB=5888` for a
        /// backlog of 10 GB.
        static let megabytes = Int(ProcessInfo.processInfo.environment["WOLFSCALE_LAB_LOG_MB"] ?? "") ?? 256
        static let transactionMegabytes = 4

        @Test func aLongLogPassesWithLittleMemory() throws {
            let sizes = ["wal": ["max_size_mb = \(Self.megabytes * 2 + 1024)"]]
            try LabTests.withCluster("long-log", settings: sizes) { cluster in
                try cluster.leader().client().query("CREATE TABLE log (id INT PRIMARY KEY, b LONGBLOB)")
                try write(cluster, from: 0, megabytes: Self.megabytes / 8)
                // The rest finds one of them away: it comes back to a backlog.
                let late = try #require(try cluster.followers().first)
                late.endAgent()
                let backlog = Self.megabytes * 7 / 8
                try write(cluster, from: Self.megabytes, megabytes: backlog)
                let time = try ContinuousClock().measure {
                    try late.start(.again)
                    try cluster.waitUntilComplete(within: .seconds(3_600))
                    try cluster.waitUntilApplied(within: .seconds(900))
                }
                print("\(late.id) has caught up with \(2 * backlog) MB after \(time)")
                for node in cluster.nodes {
                    let peak = ProcessUsage.peakResidentMB(try #require(node.agentPID))
                    let log = try logBytes(node) >> 20
                    print("\(node.id): at most \(Int(peak)) MB resident, its log has \(log) MB")
                    #expect(peak < 150)
                    #expect(log >= Self.megabytes * 9 / 10)
                }
                try cluster.requireEqual()
            }
        }

        private func logBytes(_ node: LabNode) throws -> Int {
            let folder = node.dataDirectory + "/wal"
            return try FileManager.default.contentsOfDirectory(atPath: folder).reduce(0) { sum, name in
                let size = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")[.size]
                return sum + (size as? Int ?? 0)
            }
        }

        /// Keeps what the servers hold small: the log alone is to grow.
        private func write(_ cluster: LabCluster, from first: Int, megabytes: Int) throws {
            let client = try cluster.leader().client(readTimeout: .seconds(300))
            var random = SystemRandomNumberGenerator()
            let noise = (0..<(1 << 17)).flatMap { _ in withUnsafeBytes(of: random.next(), Array.init) }
            let rows = Self.transactionMegabytes
            let values = (1...rows).map { "(? + \($0), ?)" }.joined(separator: ",")
            for (index, id) in stride(from: first, to: first + megabytes, by: rows).enumerated() {
                let row: [SQLValue] = [.int64(Int64(id)), .bytes(noise)]
                try client.execute("INSERT INTO log VALUES \(values)", (0..<rows).flatMap { _ in row })
                // What compresses a hundredfold is a trap of its own: little on the disk, much in the memory.
                try client.query(
                    "REPLACE INTO log SELECT -seq, REPEAT(RANDOM_BYTES(1000), 1000) FROM seq_1_to_\(rows)")
                guard index % 64 == 63 else { continue }
                try client.query("TRUNCATE TABLE log")
                for node in cluster.nodes where node.databasePID != nil {
                    let session = try node.administrator()
                    try session.query("FLUSH BINARY LOGS")
                    let files = try session.query("SHOW BINARY LOGS").rows.compactMap(\.[0])
                    if let newest = files.last { try session.query("PURGE BINARY LOGS TO '\(newest)'") }
                }
            }
        }
    }
}
