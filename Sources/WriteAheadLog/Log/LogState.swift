import ClusterCore
import NIOCore

/// Everything that the log's threads share, behind the log's monitor.
struct LogState: Sendable {
    /// Never empty; the last one takes new batches.
    var segments: [Segment]
    /// Of all entries, oldest first; the first run may begin before the log's first entry.
    var termRuns: [TermRun]

    /// The last entry appended, and the history up to it.
    var last: LSN
    var appended: History
    /// The last entry handed to the writer.
    var taken: LSN
    /// The last entry that is durable, and the history up to it. Segments hold what is durable and nothing else.
    var durable: LSN
    var written: History
    var recent = RecentBatches()
    /// What is appended and not yet durable.
    var queuedBytes = 0

    /// Grows when entries are cut, so that a notice from before can be told apart.
    var generation: UInt64 = 0
    /// Grows whenever entries go, at either end: a reader that was at work meanwhile looks again.
    var layout: UInt64 = 0

    var statistics = Log.Statistics()
    var request: LogWriter.Request?
    var outcome: Result<Void, WALError>?
    var failure: WALError?
    var isClosing = false
    /// Somebody is at the segment files: the log's thread, or a caller in its place.
    var isWriting = false

    init(segments: [Segment], history: History) {
        precondition(!segments.isEmpty, "a log has at least one segment")
        self.segments = segments
        last = segments[segments.count - 1].last
        taken = last
        durable = last
        appended = history
        written = history
        termRuns = segments.flatMap(\.termRuns)
    }

    /// The entry before the first one kept, and its term.
    var base: LSN { segments[0].first.previous }
    var baseTerm: Term { segments[0].header.previousTerm }
    var baseHistory: History { segments[0].header.history }
    var lastTerm: Term { termRuns.last?.term ?? baseTerm }
    var hasUnwritten: Bool { taken < last }
    var mayWrite: Bool { hasUnwritten && failure == nil }

    /// Nil for entries that are not here; the base's term is known.
    func term(at lsn: LSN) -> Term? {
        guard lsn >= base, lsn <= last else { return nil }
        let index = partitionPoint(termRuns.count) { termRuns[$0].first <= lsn }
        return index == 0 ? baseTerm : termRuns[index - 1].term
    }

    /// The segment that holds the durable entry `lsn`.
    func segmentIndex(of lsn: LSN) -> Int {
        max(partitionPoint(segments.count) { segments[$0].first <= lsn } - 1, 0)
    }

    func checkRunning() throws(WALError) {
        if let failure { throw .failed(cause: failure) }
        if isClosing { throw .closed }
    }

    func checkReadable(_ lsn: LSN) throws(WALError) {
        if lsn <= base { throw .purged(requested: lsn, first: base.next) }
        if lsn > last { throw .beyondEnd(requested: lsn, last: last) }
    }

    mutating func append(_ batch: Batch, options: Log.Options) throws(WALError) {
        try checkRunning()
        guard batch.first == last.next else { throw .notContiguous(expected: last.next, found: batch.first) }
        guard batch.term >= lastTerm else { throw .termWentBack(last: lastTerm, found: batch.term) }
        let size = batch.bytes.readableBytes
        guard queuedBytes == 0 || queuedBytes + size <= options.queueBytesMax else {
            throw .queueFull(queuedBytes: queuedBytes, limit: options.queueBytesMax)
        }
        try checkPairs(of: batch)
        if batch.term != lastTerm { termRuns.append(TermRun(first: batch.first, term: batch.term)) }
        appended.apply(batch.header)
        last = batch.last
        recent.append(batch)
        queuedBytes += size
    }

    /// A segment's header must be able to hold the history before it.
    private func checkPairs(of batch: Batch) throws(WALError) {
        guard appended.frontier.marks.count + batch.gtidRanges.count > GTIDFrontier.marksMax else { return }
        var history = appended
        history.apply(batch.header)
        let pairs = history.frontier.marks.count
        guard pairs <= GTIDFrontier.marksMax else {
            throw .tooLarge(what: "pairs of domain and server", actual: pairs, limit: GTIDFrontier.marksMax)
        }
    }

    /// Takes in that `batches` are on disk, in the newest segment.
    mutating func publish(_ batches: [Batch], time: Duration, options: Log.Options) {
        let queuedBefore = queuedBytes
        for batch in batches {
            segments[segments.count - 1].take(
                batch.header, history: &written, indexIntervalBytes: options.indexIntervalBytes)
            queuedBytes -= batch.bytes.readableBytes
            durable = batch.last
        }
        let end = segments[segments.count - 1].end
        segments[segments.count - 1].fileBytes = max(segments[segments.count - 1].fileBytes, end)
        statistics.add(batches: batches.count, bytes: queuedBefore - queuedBytes, time: time)
        recent.evict(through: durable, bytesMax: options.cacheBytesMax)
    }
}
