import ClusterCore

extension Log {
    /// The LSN from which a reader must read that skips what `position` covers: that of the first transaction not
    /// covered, of its first fragment if it has several; after the last entry when everything is covered. It may be
    /// earlier when an abandoned fragmented transaction lies there.
    ///
    /// Throws ``WALError/positionPurged(position:purged:)`` when the log no longer reaches back so far.
    public func start(for position: GTIDPosition) throws(WALError) -> LSN {
        try stable { () throws(WALError) in
            let (view, base, purged, end) = try monitor.withLock { state throws(WALError) in
                let purged = state.baseHistory.frontier
                guard purged.isCovered(by: position) else {
                    throw .positionPurged(position: position, purged: purged.state)
                }
                let index = partitionPoint(state.segments.count) {
                    state.segments[$0].header.history.frontier.isCovered(by: position)
                }
                return (state.view(of: index - 1), state.base, purged, state.last.next)
            }
            guard let found = try scan.firstUncovered(by: position, in: view, base: base) else { return end }
            guard found.lsn > base else {
                // A crash while purging left the end of a fragmented transaction without its beginning.
                throw .positionPurged(position: position, purged: GTIDState(purged.marks + [found.gtid]))
            }
            return found.lsn
        }
    }

    /// Whether exactly this transaction is in the log, whole, or lies at or before what the log held before its
    /// first entry for that domain and server. Of each server's own sequence numbers it is assumed that they never
    /// go back.
    public func contains(_ gtid: GTID) throws(WALError) -> Bool {
        if monitor.withLock({ $0.baseHistory.frontier.reaches(gtid) }) { return true }
        return try locate(gtid) != nil
    }

    /// Where exactly this transaction lies, of a fragmented one the last fragment; nil when it is not in the log
    /// whole, or no longer.
    public func locate(_ gtid: GTID) throws(WALError) -> LSN? {
        try stable { () throws(WALError) in
            let view: LogScan.View? = monitor.withLock { state in
                if state.baseHistory.frontier.reaches(gtid) || !state.appended.frontier.reaches(gtid) { return nil }
                let index = partitionPoint(state.segments.count) {
                    !state.segments[$0].header.history.frontier.reaches(gtid)
                }
                return state.view(of: index - 1)
            }
            guard let view else { return nil }
            return try scan.completion(of: gtid, in: view)
        }
    }

    /// The GTID state after everything up to and with the entry at `lsn`; of a fragmented transaction its last
    /// fragment counts.
    /// - Parameter lsn: an entry of the log, or the one before its first.
    public func state(through lsn: LSN) throws(WALError) -> GTIDState {
        try stable { () throws(WALError) in
            try monitor.withLock { state throws(WALError) in
                if lsn < state.base { throw .purged(requested: lsn, first: state.base.next) }
                if lsn > state.last { throw .beyondEnd(requested: lsn, last: state.last) }
            }
            return try scan.history(through: lsn).frontier.state
        }
    }

    /// The term of an entry, or of the one before the first; nil for entries that are not in the log.
    public func term(at lsn: LSN) -> Term? { monitor.withLock { $0.term(at: lsn) } }
}

extension LogState {
    func view(of index: Int) -> LogScan.View {
        LogScan.View(
            segment: segments[index], layout: layout,
            tail: index == segments.count - 1 ? recent.headers(after: durable) : [])
    }
}

extension LogScan {
    /// The first transaction not covered, and where it begins; at or before `base` when its beginning is gone.
    fileprivate func firstUncovered(
        by position: GTIDPosition, in view: View, base: LSN
    ) throws(WALError) -> (gtid: GTID, lsn: LSN)? {
        let index = view.segment.index
        let point = index.lastPoint { index.history(at: $0).frontier.isCovered(by: position) }
        let start = point.map { view.segment.start(at: $0) } ?? view.segment.beginning
        var underWay = start.history.open.flatMap { position.covers($0.gtid) ? nil : $0 }
        if let run = underWay, run.first > base { return (run.gtid, run.first) }
        let found: (gtid: GTID, lsn: LSN)? = try walk(view, from: start) { header, history in
            switch header.kind {
            case .noOp, .membership, .fragmentMiddle: break
            case .transactions, .fragmentFirst:
                if let lsn = header.firstLSN(notCoveredBy: position), let gtid = header.gtid(at: lsn) {
                    return (gtid, lsn)
                }
            case .fragmentLast:
                if let run = underWay, history.continues(header) { return (run.gtid, run.first) }
            }
            if underWay != nil {
                var next = history
                next.apply(header)
                if next.open != underWay { underWay = nil }
            }
            return nil
        }
        return found ?? underWay.map { ($0.gtid, $0.first) }
    }

    fileprivate func completion(of gtid: GTID, in view: View) throws(WALError) -> LSN? {
        let index = view.segment.index
        let point = index.lastPoint { !index.history(at: $0).frontier.reaches(gtid) }
        let start = point.map { view.segment.start(at: $0) } ?? view.segment.beginning
        let found: LSN?? = try walk(view, from: start) { header, history in
            if let lsn = history.completion(of: gtid, by: header) { return .some(lsn) }
            // A gap: its server went past it without it.
            return history.frontier.reaches(gtid) ? .some(nil) : nil
        }
        return found ?? nil
    }
}
