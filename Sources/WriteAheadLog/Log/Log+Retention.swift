import ClusterCore

extension Log {
    /// A segment file, as `wolfscale wal` lists it.
    public struct SegmentSummary: Hashable, Sendable {
        public let path: String
        public let first: LSN
        /// Before `first` when the segment is empty.
        public let last: LSN
        /// The length of the file, reserved space included.
        public let fileBytes: UInt64
        /// Seconds since 1970.
        public let created: UInt64
        /// When it was full; nil for the one that takes new batches.
        public let sealed: UInt64?
    }

    /// What ``purge(through:olderThan:)`` removed.
    public struct Purged: Hashable, Sendable {
        public var segments = 0
        public var bytes: UInt64 = 0

        public init(segments: Int = 0, bytes: UInt64 = 0) {
            self.segments = segments
            self.bytes = bytes
        }
    }

    /// All segments, oldest first.
    public var segments: [SegmentSummary] {
        monitor.withLock { state in
            state.segments.map { segment in
                SegmentSummary(
                    path: store.path(segment.first), first: segment.first, last: segment.last,
                    fileBytes: segment.fileBytes,
                    created: segment.header.created, sealed: segment.sealedAt)
            }
        }
    }

    /// What the log's files take, reserved space included, in bytes.
    public var sizeBytes: UInt64 { monitor.withLock { $0.segments.reduce(0) { $0 + $1.fileBytes } } }

    /// About how many bytes of batches lie after `lsn`: exact for recent ones, else to within `indexIntervalBytes`.
    public func bytes(after lsn: LSN) -> UInt64 {
        monitor.withLock { state in
            guard lsn < state.last else { return 0 }
            if let first = state.recent.first, lsn >= first { return UInt64(state.recent.bytes(after: lsn)) }
            var bytes = UInt64(state.queuedBytes)
            for segment in state.segments where segment.last > lsn && !segment.isEmpty {
                let start =
                    lsn < segment.first ? UInt64(segment.header.headerBytes) : segment.start(for: lsn.next).offset
                bytes += segment.end - min(start, segment.end)
            }
            return bytes
        }
    }

    /// Removes whole segments from the beginning: those of which every entry is at or before `through` and that
    /// were full before `olderThan`. Never the newest one, and none whose end is in the middle of a fragmented
    /// transaction. Blocks; not for the loop.
    ///
    /// An error leaves the log as if they were gone; their files are looked at again when it is next opened.
    /// - Parameter olderThan: seconds since 1970.
    public func purge(through: LSN, olderThan: UInt64) throws(WALError) -> Purged {
        let removed = monitor.withLock { $0.purge(through: through, olderThan: olderThan) }
        do throws(DiskError) {
            try store.remove(removed.map(\.first))
        } catch {
            throw WALError(error)
        }
        return Purged(segments: removed.count, bytes: removed.reduce(0) { $0 + $1.fileBytes })
    }
}

extension LogState {
    /// Returns the segments that are no more, oldest first.
    fileprivate mutating func purge(through: LSN, olderThan: UInt64) -> [Segment] {
        var count = 0
        for index in segments.indices.dropLast() {
            guard let sealedAt = segments[index].sealedAt, segments[index].last <= through, sealedAt < olderThan else {
                break
            }
            if segments[index + 1].header.history.open == nil { count = index + 1 }
        }
        guard count > 0 else { return [] }
        let removed = Array(segments.prefix(count))
        segments.removeFirst(count)
        layout += 1
        while termRuns.count > 1, termRuns[1].first <= base.next { termRuns.removeFirst() }
        return removed
    }
}
