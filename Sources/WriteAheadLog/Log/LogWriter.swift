import ClusterCore
import Logging
import NIOCore

/// Changes segment files: a thread of its own writes everything that was appended since it last looked, syncs once,
/// and tells. A caller may do the same on its own thread meanwhile (``writeHere(bytesMax:)``).
///
/// `@unchecked Sendable`: its variables belong to whoever has set ``LogState/isWriting``; the rest is shared through
/// the monitor.
final class LogWriter: @unchecked Sendable {
    /// What the writer does between two groups for a thread that waits for it.
    enum Request: Sendable {
        case truncate(after: LSN)
        case reset(Log.Base)
    }

    private enum Work {
        case write([Batch], generation: UInt64)
        case request(Request)
        case stop
    }

    let monitor: Monitor<LogState>
    let store: SegmentStore
    let scan: LogScan
    let logger: Logger
    private let onDurable: @Sendable (DurableNotice) -> Void

    /// The newest segment's file.
    var file: any DiskFile
    /// Up to here the file is written, with batches or with zeros.
    var zeroedEnd: UInt64 = 0
    /// Batches for the newest segment that are not written yet.
    private var pending: [Batch] = []
    private let zeros: ByteBuffer

    var options: Log.Options { store.options }

    init(
        scan: LogScan, file: any DiskFile, logger: Logger,
        onDurable: @escaping @Sendable (DurableNotice) -> Void
    ) {
        self.scan = scan
        monitor = scan.monitor
        store = scan.store
        self.file = file
        self.logger = logger
        self.onDurable = onDurable
        zeros = ByteBuffer(repeating: 0, count: scan.store.options.zeroAheadBytes)
    }

    func run() {
        while true {
            switch nextWork() {
            case .write(let batches, let generation):
                write(batches, generation: generation, tell: onDurable)
                monitor.withLock { $0.isWriting = false }
            case .request(let request): answer(request)
            case .stop: return
            }
        }
    }

    private func nextWork() -> Work {
        monitor.withLock(when: { !$0.isWriting && ($0.request != nil || $0.isClosing || $0.mayWrite) }) { state in
            state.isWriting = true
            if let request = state.request { return .request(request) }
            guard let (batches, generation) = take(&state) else { return .stop }
            return .write(batches, generation: generation)
        }
    }

    private func take(_ state: inout LogState) -> ([Batch], generation: UInt64)? {
        guard state.mayWrite, let batches = state.recent.from(state.taken.next, bytesMax: options.groupBytesMax),
            let newest = batches.last
        else { return nil }
        state.taken = newest.last
        return (batches, state.generation)
    }

    /// Writes and syncs what was appended on the calling thread, unless the log's own is at work, something else waits for it,
    /// or more than `bytesMax` waits.
    ///
    /// - Returns: the notice, which `onDurable` does not get then; nil when nothing was done.
    func writeHere(bytesMax: Int) -> DurableNotice? {
        let work = monitor.withLock { state -> ([Batch], generation: UInt64)? in
            guard !state.isWriting, state.request == nil, !state.isClosing, state.queuedBytes <= bytesMax else {
                return nil
            }
            guard let work = take(&state) else { return nil }
            state.isWriting = true
            return work
        }
        guard let work else { return nil }
        var notice: DurableNotice?
        write(work.0, generation: work.generation) { notice = $0 }
        let leavesWork = monitor.withLock { state in
            state.isWriting = false
            return state.mayWrite || state.request != nil || state.isClosing
        }
        if leavesWork { monitor.wakeAll() }
        return notice
    }

    private func write(_ batches: [Batch], generation: UInt64, tell: (DurableNotice) -> Void) {
        do throws(WALError) {
            var space = newestSegmentSpace()
            for batch in batches {
                if space.isFull(before: batch, limit: options.segmentBytesMax) {
                    try flush(generation: generation, tell: tell)
                    try roll()
                    space = newestSegmentSpace()
                }
                pending.append(batch)
                space.end += UInt64(batch.bytes.readableBytes)
                space.isEmpty = false
            }
            try flush(generation: generation, tell: tell)
        } catch {
            pending.removeAll()
            fail(error)
            tell(DurableNotice(result: .failure(error), generation: generation))
        }
    }

    private func newestSegmentSpace() -> SegmentSpace {
        monitor.withLock { state in
            let segment = state.segments[state.segments.count - 1]
            return SegmentSpace(end: segment.end, isEmpty: segment.isEmpty, isSealed: segment.sealedAt != nil)
        }
    }

    /// Writes and syncs `pending`, publishes it, and gives notice.
    private func flush(generation: UInt64, tell: (DurableNotice) -> Void) throws(WALError) {
        guard let newest = pending.last else { return }
        let offset = newestSegmentSpace().end
        var buffers = pending.map(\.bytes)
        let end = offset + buffers.reduce(0) { $0 + UInt64($1.readableBytes) }
        if end > zeroedEnd { zeroedEnd = end + padding(after: end, in: &buffers) }
        let start = ContinuousClock.now
        do throws(DiskError) {
            try file.write(buffers, at: offset)
            if options.fsync { try file.syncData() }
        } catch {
            throw WALError(error)
        }
        let time = ContinuousClock.now - start
        monitor.withLock { $0.publish(pending, time: time, options: options) }
        pending.removeAll(keepingCapacity: true)
        tell(DurableNotice(result: .success(newest.last), generation: generation))
    }

    private func padding(after end: UInt64, in buffers: inout [ByteBuffer]) -> UInt64 {
        let room = UInt64(options.segmentBytesMax) > end ? UInt64(options.segmentBytesMax) - end : 0
        let length = min(room, UInt64(zeros.readableBytes))
        if length > 0, let padding = zeros.getSlice(at: 0, length: Int(length)) { buffers.append(padding) }
        return length
    }

    /// Ends the newest segment and begins the next one.
    private func roll() throws(WALError) {
        let (full, history, durable) = monitor.withLock { state in
            (state.segments[state.segments.count - 1], state.written, state.durable)
        }
        var segment = full
        do throws(DiskError) {
            if segment.sealedAt == nil { try store.seal(&segment, file: file, history: history) }
            let header = SegmentHeader(
                first: durable.next, previousTerm: segment.lastTerm, created: options.now(), history: history)
            let created = try store.create(header)
            file = created.file
            zeroedEnd = 0
            monitor.withLock { state in
                state.segments[state.segments.count - 1] = segment
                state.segments.append(created.segment)
            }
        } catch {
            throw WALError(error)
        }
    }

    func fail(_ error: WALError) {
        logger.critical("the write-ahead log stops: \(error)")
        monitor.withLock { $0.failure = $0.failure ?? error }
    }

    private func answer(_ request: Request) {
        var outcome: Result<Void, WALError>
        do throws(WALError) {
            if let failure = monitor.withLock({ $0.failure }) { throw .failed(cause: failure) }
            switch request {
            case .truncate(let after): try truncate(after: after)
            case .reset(let base): try reset(to: base)
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        monitor.withLock { state in
            state.request = nil
            state.outcome = outcome
            state.isWriting = false
        }
        monitor.wakeAll()
    }
}

/// How full the newest segment is.
private struct SegmentSpace {
    var end: UInt64
    var isEmpty: Bool
    let isSealed: Bool

    func isFull(before batch: Batch, limit: Int) -> Bool {
        isSealed || (!isEmpty && end + UInt64(batch.bytes.readableBytes) > UInt64(limit))
    }
}
