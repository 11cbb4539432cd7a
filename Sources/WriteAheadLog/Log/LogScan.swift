import ClusterCore
import NIOCore

/// Looks things up in the log by reading headers from the nearest point of the index on: some 256 KiB at most.
struct LogScan: Sendable {
    let monitor: Monitor<LogState>
    let store: SegmentStore
    let files: OpenSegments

    /// Enough for a few dozen headers of small batches.
    private static let windowBytes = 32 << 10

    /// A segment as it was at one moment, and the batches after it that are not on disk yet, if it was the newest.
    struct View {
        let segment: Segment
        let layout: UInt64
        let tail: [BatchHeader]
    }

    /// Calls `visit` with the headers from `start` on, first of the segment, then of the tail, until it returns something.
    func walk<Result>(
        _ view: View, from start: ScanStart, _ visit: (BatchHeader, History) throws(WALError) -> Result?
    ) throws(WALError) -> Result? {
        var history = start.history
        var scanner = try scanner(of: view.segment, layout: view.layout, from: start.offset)
        while let header = try peek(&scanner, view.segment) {
            if let result = try visit(header, history) { return result }
            history.apply(header)
            scanner.skip(header)
        }
        for header in view.tail {
            if let result = try visit(header, history) { return result }
            history.apply(header)
        }
        return nil
    }

    /// The history after the entry at `lsn`, which the caller has checked to be in the log or its base.
    func history(through lsn: LSN) throws(WALError) -> History {
        enum Answer {
            case known(History)
            case inSegment(View)
        }
        let answer: Answer = monitor.withLock { state in
            if lsn == state.last { return .known(state.appended) }
            if lsn == state.base { return .known(state.baseHistory) }
            if lsn >= state.durable {
                var history = state.written
                for header in state.recent.headers(after: state.durable) { history.apply(header, through: lsn) }
                return .known(history)
            }
            return .inSegment(
                View(segment: state.segments[state.segmentIndex(of: lsn)], layout: state.layout, tail: []))
        }
        switch answer {
        case .known(let history): return history
        case .inSegment(let view):
            let start = view.segment.start(for: lsn.next)
            var result = start.history
            let _: Void? = try walk(view, from: start) { header, _ in
                if header.first > lsn { return () }
                result.apply(header, through: lsn)
                return nil
            }
            return result
        }
    }

    /// Where the batch after the entry at `lsn` begins, or would begin.
    func offset(after lsn: LSN, in segment: Segment, layout: UInt64) throws(WALError) -> UInt64 {
        var scanner = try scanner(of: segment, layout: layout, from: segment.start(for: lsn.next).offset)
        while let header = try peek(&scanner, segment), header.first <= lsn {
            guard header.last <= lsn else {
                throw .notOnBatchBoundary(after: lsn, batchFirst: header.first, batchLast: header.last)
            }
            scanner.skip(header)
        }
        return scanner.offset
    }

    func scanner(
        of segment: Segment, layout: UInt64, from offset: UInt64, windowBytes: Int = LogScan.windowBytes
    ) throws(WALError) -> BatchScanner {
        do throws(DiskError) {
            let file = try files.file(segment.first, layout: layout, store: store)
            return BatchScanner(file, from: offset, to: segment.end, windowBytes: windowBytes)
        } catch {
            throw WALError(error)
        }
    }

    func peek(_ scanner: inout BatchScanner, _ segment: Segment) throws(WALError) -> BatchHeader? {
        do throws(BatchScanner.Fault) {
            return try scanner.peekHeader()
        } catch {
            throw error.reading(segment, at: scanner.offset)
        }
    }
}

extension BatchScanner.Fault {
    /// - Parameter lsn: the entry that should lie at `offset`, when it is known better than to the segment.
    func reading(_ segment: Segment, at offset: UInt64, lsn: LSN? = nil) -> WALError {
        switch self {
        case .disk(let error): WALError(error)
        case .batch(let fault):
            .corrupt(
                segment: segment.name, offset: offset, lsn: lsn ?? segment.start(before: offset).lsn, reason: "\(fault)"
            )
        }
    }
}

extension Segment {
    /// The last indexed place at or before `offset`.
    func start(before offset: UInt64) -> ScanStart {
        guard let point = index.lastPoint(where: { index.points[$0].offset <= offset }) else { return beginning }
        return start(at: point)
    }
}
