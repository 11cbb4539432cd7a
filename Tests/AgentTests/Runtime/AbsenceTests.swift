import ClusterCore
import Dispatch
import Foundation
import Logging
import NIOCore
import Synchronization
import Testing
import WriteAheadLog

@testable import Agent

/// A member that is away for days, on a clock that the test moves: what a leader's log on disk still has for it.
@Suite struct AbsenceTests {
    /// A leader's log of an hour a step: written to, then trimmed as the agent does it.
    private final class Home: Sendable {
        static let hour: UInt64 = 3_600
        /// Seconds since 1970.
        private final class Clock: Sendable {
            private let seconds = Atomic<UInt64>(1_700_000_000)
            var now: UInt64 { seconds.load(ordering: .relaxed) }
            func advance() -> UInt64 { seconds.add(hour, ordering: .relaxed).newValue }
        }
        private let clock = Clock()
        private let written = DispatchSemaphore(value: 0)
        let directory: String
        let log: Log
        let policy: RetentionPolicy

        init(retentionHours: UInt64, sizeMaxBytes: UInt64) throws {
            directory = NSTemporaryDirectory() + "wolfscale-absence-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let (clock, written) = (clock, written)
            var options = Log.Options()
            options.segmentBytesMax = 64 << 10
            options.fsync = false
            options.now = { clock.now }
            log = try Log.open(
                directory: directory, options: options, committed: .zero,
                logger: Logger(label: "absence") { _ in SwiftLogNoOpLogHandler() }, onDurable: { _ in written.signal() }
            ).log
            policy = RetentionPolicy(keepSeconds: retentionHours * Self.hour, sizeMaxBytes: sizeMaxBytes)
        }

        func close() throws {
            log.close()
            try FileManager.default.removeItem(atPath: directory)
        }

        /// Ten transactions and an hour; then what every member has, the one away included, may go.
        func anHour(away: LSN) throws {
            let first = log.last.rawValue + 1
            let entries = (first..<first + 10).map { number in
                Entry.transaction(
                    GTID(domain: 0, server: 1, sequence: number),
                    events: ByteBuffer(repeating: UInt8(number % 251), count: 1_000))
            }
            let batch = try Batch.encode(entries, first: LSN(first), term: Term(1), codec: .none)
            try log.append(batch)
            while log.durable < log.last { written.wait() }
            let now = clock.advance()
            let segments = log.segments.map {
                RetentionPolicy.Segment(last: $0.last, fileBytes: $0.fileBytes, sealed: $0.sealed)
            }
            guard let through = policy.purgeable(segments, applied: log.last, everywhere: min(away, log.last), now: now)
            else { return }
            _ = try log.purge(through: through, olderThan: .max)
        }

        /// What is sent to a member that has everything up to `lsn`: all of it, in order.
        func catchUp(after lsn: LSN) throws -> LSN {
            var next = lsn.next
            while next <= log.last {
                for batch in try log.read(from: next, bytesMax: 256 << 10) {
                    guard batch.first == next else { throw CocoaError(.fileReadCorruptFile) }
                    next = batch.last.next
                }
            }
            return next.previous
        }
    }

    @Test func aWeekWithinTheRetentionIsCaughtUp() throws {
        let home = try Home(retentionHours: 168, sizeMaxBytes: 1 << 30)
        // It keeps up for ten days: old segments go.
        for _ in 0..<240 { try home.anHour(away: LSN(UInt64.max >> 2)) }
        let kept = home.log.first
        #expect(kept > LSN(1), "what is older than a week has gone")
        let had = home.log.last
        // Then it stops for a week, and another one: whatever it lacks stays, however old.
        for _ in 0..<336 { try home.anHour(away: had) }
        #expect(home.log.first <= had.next)
        #expect(try home.catchUp(after: had) == home.log.last)
        // It is back and has everything: the log shrinks again.
        for _ in 0..<200 { try home.anHour(away: LSN(UInt64.max >> 2)) }
        #expect(home.log.first > had)
        try home.close()
    }

    @Test func whoIsAwayForLongerThanTheSizeAllowsIsLeftBehind() throws {
        // A day is about 240 KB.
        let home = try Home(retentionHours: 168, sizeMaxBytes: 1 << 20)
        for _ in 0..<24 { try home.anHour(away: LSN(UInt64.max >> 2)) }
        let had = home.log.last
        for _ in 0..<72 { try home.anHour(away: had) }
        #expect(try home.catchUp(after: had) == home.log.last, "three days fit")
        for _ in 0..<96 { try home.anHour(away: had) }
        #expect(home.log.sizeBytes <= (1 << 20) + (128 << 10))
        #expect(throws: WALError.purged(requested: had.next, first: home.log.first)) { try home.catchUp(after: had) }
        try home.close()
    }
}
