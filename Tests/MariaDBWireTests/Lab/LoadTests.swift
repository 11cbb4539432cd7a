import ClusterCore
import Foundation
import Glibc
import LabSupport
import MariaDBWire
import Testing

extension Lab {
    /// Size and speed. WOLFSCALE_LARGE_MB sets the size of the large transaction; WOLFSCALE_BENCH=1 runs sysbench, for
    /// figures that mean something in a release build: `swift test -c release`.
    @Suite(.timeLimit(.minutes(20))) struct LoadTests {
        private static let environment = ProcessInfo.processInfo.environment
        private static let largeMegabytes = environment["WOLFSCALE_LARGE_MB"].flatMap { Int($0) } ?? 200

        /// Peak resident memory of this process in MiB; the peak is forgotten when `reset`.
        private func residentPeak(reset: Bool = false) throws -> Int {
            if reset { giveFreedMemoryBack() }
            if reset { try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs")) }
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
            return try #require(Int(line.filter(\.isNumber))) / 1024
        }

        /// What earlier tests freed would hide growth. glibc has it, its Swift module has not.
        private func giveFreedMemoryBack() {
            guard let symbol = dlsym(nil, "malloc_trim") else { return }
            _ = unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)(0)
        }

        /// One transaction of many rows goes through in fragments: memory depends on their size, not on its.
        @Test func aLargeTransactionNeedsLittleMemory() async throws {
            let options = MariaDBServer.clusterOptions + ["--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2"]
            try await MariaDBServer.withServer(id: 1, options: options) { first in
                try await MariaDBServer.withServer(id: 2, options: options) { second in
                    let relay = try await Relay.start()
                    try await relay.capture(first, from: "")
                    try await first.sql("CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY, b LONGBLOB)")
                    try await first.sql("SET GLOBAL rpl_semi_sync_master_enabled=ON")
                    try await relay.attach(second, position: "")
                    try await second.waitForApplied("0-1-2")
                    try await relay.run { relay.forgets = true }
                    let before = try residentPeak(reset: true)
                    try await first.sql(
                        """
                        INSERT INTO a.t SELECT seq, REPEAT(CHAR(65 + seq % 20), 1024*1024)
                        FROM seq_1_to_\(Self.largeMegabytes)
                        """)
                    let bytes = try await relay.run { relay.capturedBytes }
                    #expect(bytes > Self.largeMegabytes << 20)
                    try await second.waitForApplied("0-1-3", within: .seconds(600))
                    let after = try residentPeak()
                    print("large transaction: \(bytes >> 20) MiB, peak of resident memory \(before) -> \(after) MiB")
                    #expect(after - before < 60)
                    try await relay.stop()
                }
            }
        }

        @Test(.enabled(if: environment["WOLFSCALE_BENCH"] != nil))
        func sysbenchThroughTheRelay() async throws {
            for threads in [1, 8, 32] {
                try await MariaDBServer.withServer(id: 1, options: Self.benchOptions) { first in
                    try await MariaDBServer.withServer(id: 2, options: Self.benchOptions) { second in
                        try await sysbench(first, "prepare", threads: 4)
                        let native = try await sysbench(first, "run", threads: threads)
                        let relay = try await Relay.start()
                        let position = try await first.value("SELECT @@gtid_binlog_pos")
                        try await relay.capture(first, from: position)
                        try await first.sql("SET GLOBAL rpl_semi_sync_master_enabled=ON")
                        let cpu = processSeconds()
                        let held = try await sysbench(first, "run", threads: threads)
                        let cpuPerTransaction = (processSeconds() - cpu) / Double(max(1, held * 10)) * 1_000_000
                        let captured = try await relay.run { (relay.log.count, relay.capturedBytes) }

                        // The same again, applied by the second server, once everything is captured.
                        let copy = try await MariaDBServer.run([
                            "mariadb-dump", "--no-defaults", "-uroot", "--socket=\(first.socket)", "--databases",
                            "sbtest",
                        ])
                        let start = try await first.value("SELECT @@gtid_binlog_pos")
                        try await second.sql("SET sql_log_bin=0;" + copy)
                        try await second.sql("RESET MASTER")
                        let again = try await sysbench(first, "run", threads: threads)
                        let end = try await first.value("SELECT @@gtid_binlog_pos")
                        let backlog = try await relay.run { relay.log.count } - captured.0
                        let clock = ContinuousClock.now
                        try await relay.attach(second, position: start)
                        try await second.waitForApplied(end, within: .seconds(120))
                        let apply = ContinuousClock.now - clock
                        for table in 1...4 {
                            #expect(
                                try await first.checksum("sbtest.sbtest\(table)")
                                    == second.checksum("sbtest.sbtest\(table)"))
                        }
                        print(
                            """
                            sysbench \(threads) threads: \(native) tps asynchronous, \(held) and \(again) tps held by the \
                            relay; \(captured.0) transactions, \(captured.1 >> 20) MiB captured, \
                            \(Int(cpuPerTransaction)) us of CPU each; \
                            \(backlog) transactions applied in \(apply)
                            """)
                        try await relay.stop()
                    }
                }
            }
        }

        private static let benchOptions =
            MariaDBServer.clusterOptions + ["--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2"]

        private func processSeconds() -> Double {
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            let (user, system) = (usage.ru_utime, usage.ru_stime)
            return Double(user.tv_sec + system.tv_sec) + Double(user.tv_usec + system.tv_usec) / 1_000_000
        }

        /// Transactions a second; 0 for `prepare`.
        @discardableResult
        private func sysbench(_ server: MariaDBServer, _ command: String, threads: Int) async throws -> Int {
            if command == "prepare" { try await server.sql("CREATE DATABASE sbtest") }
            let output = try await MariaDBServer.run([
                "sysbench", "oltp_write_only", "--mysql-socket=\(server.socket)", "--mysql-user=root", "--tables=4",
                "--table-size=10000", "--threads=\(threads)", "--time=10", "--db-ps-mode=disable", command,
            ])
            let line = output.split(separator: "\n").first { $0.contains("transactions:") }
            return line?.split(separator: "(").last?.split(separator: ".").first.flatMap { Int($0) } ?? 0
        }
    }
}
