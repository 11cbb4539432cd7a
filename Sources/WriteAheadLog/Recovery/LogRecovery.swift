import ClusterCore
import Logging
import NIOCore

/// Opens the segments of a directory: keeps the longest valid prefix, cuts the rest if none of it was committed, and reports.
struct LogRecovery {
    let store: SegmentStore
    let committed: LSN
    let logger: Logger

    struct Result {
        let segments: [Segment]
        let history: History
        /// Of the newest segment.
        let file: any DiskFile
        let report: Recovery
    }

    /// The valid prefix, and where and why it ends.
    private struct Prefix {
        var segments: [Segment] = []
        var history = History()
        var file: (any DiskFile)?
        /// The segment of the first invalid byte, and what is wrong there.
        var damage: (segment: LSN, what: SegmentLoader.Damage)?
        /// Segments after the prefix, ascending.
        var rest: [LSN] = []
    }

    func run() throws(WALError) -> Result {
        let clock = ContinuousClock()
        let start = clock.now
        var prefix = try load()
        try checkCommitted(prefix)
        let cut = try cutDamage(&prefix)
        let file = try openNewest(&prefix)
        let report = try report(prefix, cut: cut, duration: clock.now - start)
        if let cut { logger.warning("write-ahead log: \(cut)") }
        return Result(segments: prefix.segments, history: prefix.history, file: file, report: report)
    }

    private func load() throws(WALError) -> Prefix {
        let firsts: [LSN]
        do throws(DiskError) {
            firsts = try store.list()
        } catch {
            throw WALError(error)
        }
        let loader = SegmentLoader(store: store)
        var prefix = Prefix()
        for (index, first) in firsts.enumerated() {
            if let damage = try take(first, loader, into: &prefix) {
                prefix.damage = (first, damage)
                let isKept = prefix.segments.last?.first == first
                prefix.rest = Array(firsts[(isKept ? index + 1 : index)...])
                break
            }
        }
        return prefix
    }

    /// Appends a segment's valid part to the prefix, and returns what is wrong with the rest of it.
    private func take(
        _ first: LSN, _ loader: SegmentLoader, into prefix: inout Prefix
    ) throws(WALError) -> SegmentLoader.Damage? {
        let loaded: SegmentLoader.Loaded
        switch try loader.load(first) {
        case .success(let found): loaded = found
        case .failure(let damage): return damage
        }
        if let previous = prefix.segments.last {
            guard first == previous.last.next, loaded.segment.header.previousTerm == previous.lastTerm else {
                return SegmentLoader.Damage(
                    offset: 0, bytes: loaded.segment.end,
                    reason: "it should continue LSN \(previous.last) of term \(previous.lastTerm)")
            }
            if previous.sealedAt == nil {
                prefix.segments[prefix.segments.count - 1].sealedAt = previous.header.created
            }
        }
        prefix.segments.append(loaded.segment)
        prefix.history = loaded.history
        prefix.file = loaded.file
        return loaded.damage
    }

    private func checkCommitted(_ prefix: Prefix) throws(WALError) {
        let last = prefix.segments.last?.last ?? .zero
        if prefix.segments.isEmpty, let damage = prefix.damage, damage.segment > LSN(1), damage.segment > committed {
            // Not committed, but what came before it is known to nobody.
            throw .corrupt(
                segment: Segment.name(damage.segment), offset: 0, lsn: damage.segment, reason: damage.what.reason)
        }
        guard last < committed else { return }
        throw .corruptCommitted(
            segment: Segment.name(prefix.damage?.segment ?? prefix.segments.last?.first ?? LSN(1)),
            offset: prefix.damage?.what.offset ?? prefix.segments.last?.end ?? 0, lsn: last.next, committed: committed,
            reason: prefix.damage?.what.reason ?? "the log ends before it")
    }

    private func cutDamage(_ prefix: inout Prefix) throws(WALError) -> Recovery.Cut? {
        guard let damage = prefix.damage else { return nil }
        do throws(DiskError) {
            try store.remove(prefix.rest.reversed())
            if let newest = prefix.segments.last, newest.first == damage.segment, let file = prefix.file {
                try store.cut(file, to: newest.end)
            }
        } catch {
            throw WALError(error)
        }
        return Recovery.Cut(
            segment: Segment.name(damage.segment), offset: damage.what.offset,
            after: prefix.segments.last?.last ?? .zero, bytes: damage.what.bytes,
            segmentsRemoved: prefix.rest.filter { $0 != damage.segment }.count, reason: damage.what.reason)
    }

    private func openNewest(_ prefix: inout Prefix) throws(WALError) -> any DiskFile {
        do throws(DiskError) {
            if let file = prefix.file {
                let newest = prefix.segments.count - 1
                if prefix.segments[newest].sealedAt == nil { try reserveIfPossible(file) }
                prefix.segments[newest].fileBytes = try file.size()
                return file
            }
            let header = SegmentHeader(
                first: LSN(1), previousTerm: .zero, created: store.options.now(), history: History())
            let created = try store.create(header)
            prefix.segments = [created.segment]
            return created.file
        } catch {
            throw WALError(error)
        }
    }

    /// On a full disk the log must still open, so that old segments can be purged.
    private func reserveIfPossible(_ file: any DiskFile) throws(DiskError) {
        do throws(DiskError) {
            try store.reserve(file)
        } catch {
            guard error.isDiskFull else { throw error }
            logger.warning("write-ahead log: no space to reserve: \(WALError(error))")
        }
    }

    private func report(
        _ prefix: Prefix, cut: Recovery.Cut?, duration: Duration
    ) throws(WALError) -> Recovery {
        let oldest = prefix.segments[0]
        let newest = prefix.segments[prefix.segments.count - 1]
        var termRuns = prefix.segments.flatMap(\.termRuns)
        if newest.last >= oldest.first, termRuns.first?.first != oldest.first {
            termRuns.insert(TermRun(first: oldest.first, term: oldest.header.previousTerm), at: 0)
        }
        return Recovery(
            base: oldest.first.previous, baseTerm: oldest.header.previousTerm, termRuns: termRuns, last: newest.last,
            memberships: try newestMemberships(prefix.segments), state: prefix.history.frontier.state, cut: cut,
            duration: duration)
    }

    private static let membershipsMax = 4
    private static let membershipWindowBytes = 32 << 10

    private func newestMemberships(_ segments: [Segment]) throws(WALError) -> [MembershipRecord] {
        var records: [MembershipRecord] = []
        for segment in segments.reversed() {
            for lsn in segment.memberships.reversed() where records.count < Self.membershipsMax {
                records.append(try membership(at: lsn, in: segment))
            }
        }
        return records.reversed()
    }

    private func membership(at lsn: LSN, in segment: Segment) throws(WALError) -> MembershipRecord {
        let start = segment.start(for: lsn).offset
        let file: any DiskFile
        do throws(DiskError) {
            file = try store.open(segment.first)
        } catch {
            throw WALError(error)
        }
        var scanner = BatchScanner(file, from: start, to: segment.end, windowBytes: Self.membershipWindowBytes)
        let batch: Batch?
        do throws(BatchScanner.Fault) {
            while let header = try scanner.peekHeader(), header.first < lsn { scanner.skip(header) }
            batch = try scanner.next()
        } catch {
            throw error.reading(segment, at: scanner.offset, lsn: lsn)
        }
        guard let batch, batch.first == lsn, let entry = try batch.entries().first else {
            throw .corrupt(segment: segment.name, offset: scanner.offset, lsn: lsn, reason: "no membership lies there")
        }
        return MembershipRecord(lsn: lsn, body: entry.body)
    }
}
