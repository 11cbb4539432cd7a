import ClusterCore

/// What the memory holds of a segment: everything but its batches.
struct Segment: Sendable {
    let header: SegmentHeader
    var index = SegmentIndex()
    /// Where the batches end, an offset in bytes.
    var end: UInt64
    /// The last entry; before `first` when there is none.
    var last: LSN
    /// The runs of terms that begin in this segment's part of the log.
    var termRuns: [TermRun] = []
    /// The newest memberships in it, at most ``membershipsMax``, in order.
    var memberships: [LSN] = []
    /// When it was full, in seconds since 1970; nil while it takes batches.
    var sealedAt: UInt64?
    /// The length of the file, reserved space included.
    var fileBytes: UInt64

    /// Enough to reach back to a committed membership through every truncation that may come.
    static let membershipsMax = 64

    init(header: SegmentHeader, fileBytes: UInt64) {
        self.header = header
        self.fileBytes = fileBytes
        end = UInt64(header.headerBytes)
        last = header.first.previous
    }

    var first: LSN { header.first }
    var isEmpty: Bool { last < first }
    var lastTerm: Term { termRuns.last?.term ?? header.previousTerm }
    var name: String { Self.name(first) }

    /// Takes in a batch that lies at `end`.
    /// - Parameter history: before the batch; moved past it.
    mutating func take(_ batch: BatchHeader, history: inout History, indexIntervalBytes: Int) {
        let lastIndexed = index.points.last?.offset ?? UInt64(header.headerBytes)
        if end - lastIndexed >= UInt64(indexIntervalBytes) {
            index.add(lsn: batch.first, offset: end, history: history)
        }
        if batch.term != lastTerm { termRuns.append(TermRun(first: batch.first, term: batch.term)) }
        if batch.kind == .membership {
            memberships.append(batch.first)
            if memberships.count > Self.membershipsMax { memberships.removeFirst() }
        }
        history.apply(batch)
        end += UInt64(batch.batchBytes)
        last = batch.last
    }

    /// The last place at or before `lsn` from which batches can be read on, and the history there.
    func start(for lsn: LSN) -> ScanStart {
        guard let point = index.lastPoint(where: { index.points[$0].lsn <= lsn }) else { return beginning }
        return start(at: point)
    }

    var beginning: ScanStart {
        ScanStart(lsn: first, offset: UInt64(header.headerBytes), history: header.history)
    }

    func start(at point: Int) -> ScanStart {
        ScanStart(lsn: index.points[point].lsn, offset: index.points[point].offset, history: index.history(at: point))
    }

    static func name(_ first: LSN) -> String {
        let digits = String(first.rawValue)
        return String(repeating: "0", count: 20 - digits.count) + digits + ".wal"
    }

    /// The first LSN that a segment's file name states; nil for other names.
    static func first(named name: String) -> LSN? {
        guard name.utf8.count == 24, name.hasSuffix(".wal"), let number = UInt64(name.dropLast(4)), number > 0,
            number <= LSN.limit.rawValue
        else { return nil }
        return LSN(number)
    }
}

/// A place in a segment, with the history before it.
struct ScanStart: Sendable {
    let lsn: LSN
    let offset: UInt64
    let history: History
}
