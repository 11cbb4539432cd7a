import Foundation
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// Memory stays bounded whatever the size of a transaction.
    @Suite struct LargeTransactionTests {
        /// `WOLFSCALE_LAB_LARGE_MB=2048` for the whole of it.
        static let megabytes = Int(ProcessInfo.processInfo.environment["WOLFSCALE_LAB_LARGE_MB"] ?? "") ?? 256

        @Test func aLargeTransactionPassesWithLittleMemory() throws {
            try LabTests.withCluster("large", settings: [:]) { cluster in
                let client = try cluster.leader().client(readTimeout: .seconds(900))
                try client.query("CREATE TABLE big (id INT PRIMARY KEY, b LONGBLOB)")
                try client.query("CREATE TABLE small (id INT PRIMARY KEY)")
                let rows = try client.query(
                    "INSERT INTO big SELECT seq, REPEAT(RANDOM_BYTES(1000), 1000) FROM seq_1_to_\(Self.megabytes)")
                #expect(rows.affectedRows == UInt64(Self.megabytes))
                try client.query("INSERT INTO small VALUES (1)")
                try cluster.waitUntilApplied(within: .seconds(900))
                for node in cluster.nodes {
                    let peak = ProcessUsage.peakResidentMB(try #require(node.agentPID))
                    print("\(node.id): at most \(Int(peak)) MB resident for a transaction of \(Self.megabytes) MB")
                    #expect(peak < 150)
                }
                try cluster.requireEqual()
            }
        }
    }
}
