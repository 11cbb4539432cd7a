import ClusterCore
import NIOCore

extension Log {
    /// Recent batches, from the one that holds `from` on, out of memory: never blocks on the disk.
    ///
    /// At least one batch, more while all together have at most `bytesMax` bytes. Empty when `from` is right after
    /// the last entry; nil when `from` is not in memory, and ``read(from:bytesMax:)`` is called for.
    public func cached(from: LSN, bytesMax: Int) -> [Batch]? {
        monitor.withLock { state in
            from == state.last.next ? [] : state.recent.from(from, bytesMax: bytesMax)
        }
    }

    /// Batches from the one that holds `from` on, from memory or from disk. Blocks; any thread may call it, even
    /// several.
    ///
    /// At least one batch, more while all together have at most `bytesMax` bytes; fewer at the end of a segment.
    /// Empty when `from` is right after the last entry. Every batch is verified.
    public func read(from: LSN, bytesMax: Int) throws(WALError) -> [Batch] {
        try stable { () throws(WALError) in
            enum Source {
                case memory([Batch])
                case disk(LogScan.View)
            }
            let source: Source = try monitor.withLock { state throws(WALError) in
                if from == state.last.next { return .memory([]) }
                try state.checkReadable(from)
                if let batches = state.recent.from(from, bytesMax: bytesMax) { return .memory(batches) }
                return .disk(
                    LogScan.View(segment: state.segments[state.segmentIndex(of: from)], layout: state.layout, tail: []))
            }
            switch source {
            case .memory(let batches): return batches
            case .disk(let view): return try readFromDisk(from, view, bytesMax: bytesMax)
            }
        }
    }

    private func readFromDisk(_ from: LSN, _ view: LogScan.View, bytesMax: Int) throws(WALError) -> [Batch] {
        let segment = view.segment
        let offset = hints.offset(of: from, in: segment, layout: view.layout) ?? segment.start(for: from).offset
        let window = min(max(bytesMax, Self.readWindowBytes.lowerBound), Self.readWindowBytes.upperBound)
        var scanner = try scan.scanner(of: segment, layout: view.layout, from: offset, windowBytes: window)
        var batches: [Batch] = []
        var size = 0
        var expected = from
        do throws(BatchScanner.Fault) {
            while let header = try scanner.peekHeader() {
                if header.last < from {
                    scanner.skip(header)
                    continue
                }
                if batches.isEmpty ? header.first > from : header.first != expected {
                    throw .batch(.discontinuous(expected: expected, found: header.first, term: header.term))
                }
                size += header.batchBytes
                if !batches.isEmpty, size > bytesMax { break }
                guard let batch = try scanner.next() else { break }
                batches.append(batch)
                expected = batch.last.next
                if size >= bytesMax { break }
            }
        } catch {
            throw error.reading(segment, at: scanner.offset, lsn: expected)
        }
        guard !batches.isEmpty else {
            throw .corrupt(
                segment: segment.name, offset: scanner.offset, lsn: from, reason: "the segment ends before it")
        }
        hints.note(expected, in: segment, at: scanner.offset, layout: view.layout)
        return batches
    }

    private static let readWindowBytes = (64 << 10)...(1 << 20)

    /// Headers alone, from the batch that holds `from` on: at least one, at most `limit`, fewer at the end of a
    /// segment; empty when `from` is right after the last entry. Payloads are neither read nor verified.
    public func headers(from: LSN, limit: Int) throws(WALError) -> [BatchHeader] {
        try stable { () throws(WALError) in
            let view: LogScan.View? = try monitor.withLock { state throws(WALError) in
                if from == state.last.next { return nil }
                try state.checkReadable(from)
                return state.view(of: state.segmentIndex(of: from))
            }
            guard let view else { return [] }
            var headers: [BatchHeader] = []
            let start = from <= view.segment.last ? view.segment.start(for: from) : view.segment.atEnd
            let _: Void? = try scan.walk(view, from: start) { header, _ in
                if header.last >= from { headers.append(header) }
                return headers.count >= max(limit, 1) ? () : nil
            }
            return headers
        }
    }

    /// Runs `body` again when entries went meanwhile, at either end, so that it has not seen half of each.
    func stable<Result>(_ body: () throws(WALError) -> Result) throws(WALError) -> Result {
        while true {
            let layout = monitor.withLock { $0.layout }
            do throws(WALError) {
                let result = try body()
                if monitor.withLock({ $0.layout }) == layout { return result }
            } catch {
                if monitor.withLock({ $0.layout }) == layout { throw error }
            }
        }
    }
}

extension Segment {
    fileprivate var atEnd: ScanStart { ScanStart(lsn: last.next, offset: end, history: History()) }
}
