import ClusterCore

/// A sparse index of one segment: about one point per `indexIntervalBytes`, each with the history before it.
///
/// The points of a segment share their (domain, server) pairs, so that a point costs some 24 bytes and 8 for each pair.
struct SegmentIndex: Hashable, Sendable {
    struct Point: Hashable, Sendable {
        /// The batch at `offset` begins with this entry.
        let lsn: LSN
        let offset: UInt64
        /// Where this point's sequence numbers begin.
        let sequencesStart: UInt32
        /// How many of `pairs` were known.
        let sequencesCount: UInt32
        /// The fragmented transaction under way, as an index of `runs`; -1 for none.
        let run: Int32
    }

    struct Pair: Hashable, Sendable {
        let domain: UInt32
        let server: UInt32
    }

    private(set) var points: [Point] = []
    private(set) var pairs: [Pair] = []
    private(set) var sequences: [UInt64] = []
    private(set) var runs: [OpenRun] = []

    init() {}

    /// Nil when the parts, read from a file, do not fit together.
    init?(points: [Point], pairs: [Pair], sequences: [UInt64], runs: [OpenRun]) {
        var used = 0
        for point in points {
            guard Int(point.sequencesStart) == used, Int(point.sequencesCount) <= pairs.count, point.run >= -1,
                Int(point.run) < runs.count
            else { return nil }
            used += Int(point.sequencesCount)
        }
        guard used == sequences.count else { return nil }
        for (a, b) in zip(points, points.dropFirst()) {
            guard a.lsn < b.lsn, a.offset < b.offset else { return nil }
        }
        self.points = points
        self.pairs = pairs
        self.sequences = sequences
        self.runs = runs
    }

    /// - Parameter history: before the entry at `lsn`. Its pairs are those of the point before, and new ones after
    ///   them.
    mutating func add(lsn: LSN, offset: UInt64, history: History) {
        let marks = history.frontier.marks
        for mark in marks.dropFirst(pairs.count) { pairs.append(Pair(domain: mark.domain, server: mark.server)) }
        var run: Int32 = -1
        if let open = history.open {
            if runs.last != open { runs.append(open) }
            run = Int32(runs.count - 1)
        }
        points.append(
            Point(
                lsn: lsn, offset: offset, sequencesStart: UInt32(sequences.count), sequencesCount: UInt32(marks.count),
                run: run))
        for mark in marks { sequences.append(mark.sequence) }
    }

    /// Forgets the points after `lsn`.
    /// - Parameter history: as it is then; new points continue from its pairs.
    mutating func cut(after lsn: LSN, history: History) {
        points.removeAll { $0.lsn > lsn }
        sequences.removeLast(sequences.count - (points.last.map { Int($0.sequencesStart + $0.sequencesCount) } ?? 0))
        runs.removeLast(runs.count - Int((points.map(\.run).max() ?? -1) + 1))
        pairs = history.frontier.marks.map { Pair(domain: $0.domain, server: $0.server) }
    }

    func history(at index: Int) -> History {
        let point = points[index]
        let start = Int(point.sequencesStart)
        let marks = (0..<Int(point.sequencesCount)).map { position in
            GTID(domain: pairs[position].domain, server: pairs[position].server, sequence: sequences[start + position])
        }
        return History(frontier: GTIDFrontier(marks: marks), open: point.run < 0 ? nil : runs[Int(point.run)])
    }

    /// The last point that satisfies `isBefore`, which holds for a first part of the points; nil when it holds for
    /// none.
    func lastPoint(where isBefore: (Int) -> Bool) -> Int? {
        let end = partitionPoint(points.count, isBefore)
        return end == 0 ? nil : end - 1
    }
}

/// How many of the first `count` indices satisfy `isBefore`, which must hold for a first part of them only.
func partitionPoint(_ count: Int, _ isBefore: (Int) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
        let middle = (low + high) / 2
        if isBefore(middle) { low = middle + 1 } else { high = middle }
    }
    return low
}
