import ClusterCore
import NIOCore

extension Log {
    /// What ``verify()`` has read.
    public struct Verification: Hashable, Sendable {
        public var entries: UInt64 = 0
        public var batches: UInt64 = 0
        /// As stored.
        public var bytes: UInt64 = 0
    }

    /// Reads every durable batch from disk, checks both checksums, decompresses it, and checks that it follows the one before. The
    /// first damage is thrown as ``WALError/corrupt(segment:offset:lsn:reason:)``. Blocks for as long as reading the whole log
    /// takes; entries may be appended, cut and purged meanwhile.
    public func verify() throws(WALError) -> Verification {
        var result = Verification()
        var last = first.previous
        while let (part, end) = try verifySegment(after: last) {
            result.entries += part.entries
            result.batches += part.batches
            result.bytes += part.bytes
            last = end
        }
        return result
    }

    /// Verifies what the segment that holds the next entry has of it and what follows; nil at the end of the log.
    private func verifySegment(after start: LSN) throws(WALError) -> (Verification, end: LSN)? {
        try stable { () throws(WALError) in
            let found: (LogScan.View, LSN)? = monitor.withLock { state in
                let last = max(start, state.base)
                return last < state.durable ? (state.view(of: state.segmentIndex(of: last.next)), last) : nil
            }
            guard let (view, skipped) = found else { return nil }
            let offset = try scan.offset(after: skipped, in: view.segment, layout: view.layout)
            var scanner = try scan.scanner(
                of: view.segment, layout: view.layout, from: offset, windowBytes: Self.verifyWindowBytes)
            var part = Verification()
            var last = skipped
            while let batch = try nextVerified(&scanner, view.segment, after: last) {
                part.entries += UInt64(batch.count)
                part.batches += 1
                part.bytes += UInt64(batch.bytes.readableBytes)
                last = batch.last
            }
            guard last == view.segment.last else {
                throw .corrupt(
                    segment: view.segment.name, offset: scanner.offset, lsn: last.next,
                    reason: "the segment ends before it")
            }
            return (part, last)
        }
    }

    private static let verifyWindowBytes = 1 << 20

    private func nextVerified(
        _ scanner: inout BatchScanner, _ segment: Segment, after last: LSN
    ) throws(WALError) -> Batch? {
        let offset = scanner.offset
        do throws(BatchScanner.Fault) {
            guard let batch = try scanner.next() else { return nil }
            guard batch.first == last.next else {
                throw .batch(.discontinuous(expected: last.next, found: batch.first, term: batch.term))
            }
            do throws(BatchFault) { _ = try batch.decoded() } catch { throw .batch(error) }
            return batch
        } catch {
            throw error.reading(segment, at: offset, lsn: last.next)
        }
    }
}
