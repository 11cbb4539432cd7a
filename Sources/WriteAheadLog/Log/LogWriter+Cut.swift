import ClusterCore
import NIOCore

extension LogWriter {
    /// Cuts every entry after `after`. Memory first, so that nobody reads what goes; then the disk, newest segment first.
    func truncate(after: LSN) throws(WALError) {
        let plan = try planCut(after: after)
        let removed = monitor.withLock { state in state.cut(plan) }
        guard let place = plan.place else { return }
        do throws(DiskError) {
            try store.remove(removed.reversed())
            if !removed.isEmpty { file = try store.open(place.first) }
            zeroedEnd = 0
            try store.cut(file, to: place.end)
            let size = try file.size()
            monitor.withLock { $0.segments[$0.segments.count - 1].fileBytes = size }
        } catch {
            let failure = WALError(error)
            fail(failure)
            throw failure
        }
    }

    /// Removes every entry and begins anew after `base`.
    func reset(to base: Log.Base) throws(WALError) {
        do throws(DiskError) {
            let firsts = monitor.withLock { $0.segments.map(\.first) }
            try store.remove(firsts.reversed())
            let header = SegmentHeader(
                first: base.lsn.next, previousTerm: base.term, created: options.now(),
                history: History(frontier: GTIDFrontier(base.state)))
            let created = try store.create(header)
            file = created.file
            zeroedEnd = 0
            monitor.withLock { $0.reset(to: created.segment) }
        } catch {
            let failure = WALError(error)
            fail(failure)
            throw failure
        }
    }

    private func planCut(after: LSN) throws(WALError) -> CutPlan {
        let (view, durable) = try monitor.withLock { state throws(WALError) in
            if after < state.base { throw .purged(requested: after, first: state.base.next) }
            if after > state.last { throw .beyondEnd(requested: after, last: state.last) }
            if let batch = state.recent.batch(holding: after), batch.last != after {
                throw .notOnBatchBoundary(after: after, batchFirst: batch.first, batchLast: batch.last)
            }
            return (state.view(of: state.segmentIndex(of: after)), state.durable)
        }
        let history = try scan.history(through: after)
        guard after < durable else { return CutPlan(after: after, history: history, place: nil) }
        let end = try scan.offset(after: after, in: view.segment, layout: view.layout)
        return CutPlan(after: after, history: history, place: CutPlan.Place(first: view.segment.first, end: end))
    }
}

/// What is left after a cut.
struct CutPlan {
    struct Place {
        /// The segment that becomes the newest.
        let first: LSN
        /// Where its batches end then.
        let end: UInt64
    }

    let after: LSN
    let history: History
    /// Nil when nothing of what goes is on disk.
    let place: Place?
}

extension LogState {
    /// Returns the segments that are no more, ascending.
    mutating func cut(_ plan: CutPlan) -> [LSN] {
        recent.cut(after: plan.after)
        last = plan.after
        appended = plan.history
        taken = min(taken, last)
        generation += 1
        layout += 1
        termRuns.removeAll { $0.first > last }
        defer { queuedBytes = recent.bytes(after: durable) }
        guard let place = plan.place else { return [] }
        durable = last
        written = plan.history
        let removed = segments.filter { $0.first > place.first }.map(\.first)
        segments.removeAll { $0.first > place.first }
        segments[segments.count - 1].cut(after: last, end: place.end, history: written)
        return removed
    }

    mutating func reset(to segment: Segment) {
        var fresh = LogState(segments: [segment], history: segment.header.history)
        fresh.generation = generation + 1
        fresh.layout = layout + 1
        fresh.statistics = statistics
        fresh.request = request
        fresh.isClosing = isClosing
        self = fresh
    }
}

extension Segment {
    mutating func cut(after lsn: LSN, end: UInt64, history: History) {
        index.cut(after: lsn, history: history)
        termRuns.removeAll { $0.first > lsn }
        memberships.removeAll { $0 > lsn }
        last = lsn
        self.end = end
        sealedAt = nil
    }
}
