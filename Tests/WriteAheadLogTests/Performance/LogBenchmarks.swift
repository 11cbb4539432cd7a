import ClusterCore
import Foundation
import NIOCore
import Testing
import WriteAheadLog

/// Figures, not verdicts: `WAL_BENCHMARK=1 swift test -c release --filter LogBenchmarks`; the number is the log's
/// size in GB.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["WAL_BENCHMARK"] != nil))
struct LogBenchmarks {
    private let clock = ContinuousClock()

    private func report(_ what: String, _ durations: [Duration]) {
        let sorted = durations.sorted()
        func microseconds(_ fraction: Double) -> Int {
            let value = sorted[min(Int(Double(sorted.count) * fraction), sorted.count - 1)]
            return Int(value / .microseconds(1))
        }
        print(
            "\(what): p50 \(microseconds(0.5)) µs, p90 \(microseconds(0.9)) µs, p99 \(microseconds(0.99)) µs, "
                + "max \(microseconds(1)) µs (n=\(sorted.count))")
    }

    private func rate(_ what: String, bytes: Int, _ duration: Duration) {
        let seconds = duration / .seconds(1)
        print("\(what): \(Int(Double(bytes) / seconds / 1e6)) MB/s (\(bytes / 1_000_000) MB in \(seconds) s)")
    }

    private func log(
        _ directory: String, _ options: Log.Options = Log.Options(), _ notices: Notices = Notices()
    ) throws -> (Log, Recovery, Notices) {
        let (log, recovery) = try Log.open(
            directory: directory, options: options, committed: .zero, logger: quiet, onDurable: notices.receive)
        return (log, recovery, notices)
    }

    /// A transaction of sysbench's size, one at a time, append to notice; the variants take turns, so that each
    /// meets the same noise.
    @Test func latencyOfOneTransaction() throws {
        let directory = try TemporaryDirectory()
        let variants: [(what: String, zeroAheadBytes: Int, reservesSpace: Bool)] = [
            ("defaults", 256 << 10, true), ("without zeros ahead", 0, true), ("growing file", 0, false),
        ]
        let arrived = DispatchSemaphore(value: 0)
        let logs = try variants.enumerated().map { number, variant in
            var options = Log.Options()
            options.zeroAheadBytes = variant.zeroAheadBytes
            options.reservesSpace = variant.reservesSpace
            let path = directory.path + "/\(number)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            return try Log.open(
                directory: path, options: options, committed: .zero, logger: quiet, onDurable: { _ in arrived.signal() }
            ).log
        }
        var durations = variants.map { _ in [Duration]() }
        for number in UInt64(1)...5000 {
            let batch = try Sample.transactions(number...number, size: 2300)
            for variant in variants.indices {
                let start = clock.now
                try logs[variant].append(batch)
                arrived.wait()
                durations[variant].append(clock.now - start)
            }
        }
        for variant in variants.indices {
            report("append to notice, 2.3 KB, \(variants[variant].what)", durations[variant])
        }
        for log in logs { log.close() }
    }

    private var gigabytes: Int { ProcessInfo.processInfo.environment["WAL_BENCHMARK"].flatMap(Int.init) ?? 1 }

    /// The process's memory as Linux counts it.
    private func memory() throws -> String {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        return status.split(separator: "\n").filter { $0.hasPrefix("VmRSS") || $0.hasPrefix("VmHWM") }.joined(
            separator: ", ")
    }

    @Test func sequentialThroughput() throws {
        let directory = try TemporaryDirectory()
        let (log, _, notices) = try log(directory.path)
        let batchCount = UInt64(gigabytes) * 16_384
        let perBatch: UInt64 = 32
        let bodies = (0..<1024).map { Sample.body(2048, salt: UInt64($0)) }
        func encode(_ number: UInt64, _ codec: Codec) throws(WALError) -> Batch {
            let first = number * perBatch + 1
            return try Batch.encode(
                (first..<first + perBatch).map { .transaction(Sample.gtid($0), events: bodies[Int($0 % 1024)]) },
                first: LSN(first),
                term: Term(1), codec: codec)
        }
        var start = clock.now
        for number in 0..<1024 as Range<UInt64> { _ = try encode(number, .lz4) }
        rate("encode with LZ4", bytes: 1024 * 32 * 2048, clock.now - start)
        start = clock.now
        var bytes = 0
        for number in 0..<batchCount {
            let batch = try encode(number, .none)
            bytes += batch.bytes.readableBytes
            while log.queuedBytes > 32 << 20 { try notices.wait(for: log.durable.next) }
            try log.append(batch)
        }
        try notices.wait(for: LSN(batchCount * perBatch))
        rate("append, encoding included", bytes: bytes, clock.now - start)
        try reading(log, bytes: bytes)
        log.close()
        print("memory with the log open: \(try memory())")
        let (again, recovery, _) = try self.log(directory.path)
        print("open \(bytes / 1_000_000) MB in \(again.segments.count) segments: \(recovery.duration)")
        again.close()
    }

    private func reading(_ log: Log, bytes: Int) throws {
        var start = clock.now
        var from = LSN(1)
        while from <= log.last { from = (try log.read(from: from, bytesMax: 1 << 20).last?.last ?? from).next }
        rate("read", bytes: bytes, clock.now - start)
        var random = SplitMix64(seed: 1)
        var durations: [Duration] = []
        for _ in 0..<500 {
            let gtid = Sample.gtid(UInt64.random(in: 1...log.last.rawValue, using: &random))
            start = clock.now
            let lsn = try log.locate(gtid)
            durations.append(clock.now - start)
            #expect(lsn == LSN(gtid.sequence))
        }
        report("locate a GTID", durations)
    }

    @Test func latencyOfTermAndVote() throws {
        let directory = try TemporaryDirectory()
        let store = try StateStore(path: directory.path + "/state.sqlite")
        var durable: [Duration] = []
        var relaxed: [Duration] = []
        for number in UInt64(1)...1000 {
            var start = clock.now
            try store.save(HardState(term: Term(number), votedFor: NodeNumber(1)))
            durable.append(clock.now - start)
            start = clock.now
            try store.save(committed: LSN(number))
            relaxed.append(clock.now - start)
        }
        report("save term and vote", durable)
        report("save committed LSN", relaxed)
    }
}
