/// Where a term's entries begin in a log.
public struct TermRun: Sendable, Hashable {
    public var first: LSN
    public var term: Term

    public init(first: LSN, term: Term) {
        self.first = first
        self.term = term
    }
}

/// Why a ``LogSummary`` cannot be.
public enum LogSummaryError: Error, Hashable {
    /// The runs do not rise in LSN and term, or do not start right after the base, or lie beyond the last LSN.
    case runsOutOfOrder(base: LogPosition, runs: [TermRun], last: LSN)
}

/// All that Raft needs to know of a log: which LSNs belong to which term. Its size is that of the terms, not of the log.
public struct LogSummary: Sendable, Hashable {
    /// The entry before the first one kept; ``LogPosition/zero`` when nothing was ever removed.
    public private(set) var base: LogPosition
    /// In the order of the log; the first starts right after the base.
    public private(set) var runs: [TermRun]
    /// The last entry's LSN; the base's when there is none.
    public private(set) var last: LSN

    /// An empty log.
    public init(base: LogPosition = .zero) {
        self.base = base
        runs = []
        last = base.lsn
    }

    public init(base: LogPosition, runs: [TermRun], last: LSN) throws(LogSummaryError) {
        self.init(base: base)
        let error = LogSummaryError.runsOutOfOrder(base: base, runs: runs, last: last)
        guard last >= base.lsn, runs.isEmpty == (last == base.lsn) else { throw error }
        guard last.rawValue <= UInt64(Int64.max) else { throw error }
        for (index, run) in runs.enumerated() {
            let isNext = index == 0 ? run.first == base.lsn.next : run.first > runs[index - 1].first
            guard isNext, run.first <= last, run.term >= lastTerm else { throw error }
            self.last = run.first
            if run.term > lastTerm || self.runs.isEmpty { self.runs.append(run) }
        }
        self.last = last
    }

    public var lastTerm: Term { runs.last?.term ?? base.term }
    public var end: LogPosition { LogPosition(lsn: last, term: lastTerm) }

    /// The term of the entry at `lsn`; nil when the log does not reach there, or no longer.
    public func term(at lsn: LSN) -> Term? {
        guard lsn <= last, lsn >= base.lsn else { return nil }
        if let run = runs.last, lsn >= run.first { return run.term }
        return runIndex(at: lsn).map { runs[$0].term } ?? base.term
    }

    public func contains(_ position: LogPosition) -> Bool { term(at: position.lsn) == position.term }

    /// The terms of the entries from `first`, which is listed as if its run began there, through `last`.
    func runs(from first: LSN, through last: LSN) -> [TermRun] {
        guard let term = term(at: first) else { return [] }
        return [TermRun(first: first, term: term)] + runs.filter { $0.first > first && $0.first <= last }
    }

    /// The last entry that is also in another log, which has these runs up to `last`; nil when there is none among them.
    ///
    /// Two logs with entries of the same term have them in common until one of the two runs ends (Raft, section 5.3).
    func lastCommon(with others: [TermRun], through last: LSN) -> LSN? {
        var end = last
        for other in others.reversed() {
            let own = latest(atOrBefore: end, termAtMost: other.term)
            if own.term == other.term, own.lsn >= other.first, own.lsn <= end { return own.lsn }
            end = other.first.previous
        }
        return nil
    }

    /// The end of the last run that ends before `lsn`: certainly the edge of a batch. nil when that is no longer kept.
    func edge(before lsn: LSN) -> LSN? {
        guard let run = runs.last(where: { $0.first < lsn }) else { return nil }
        return run.first.previous
    }

    /// The last entry at or before `lsn` whose term is not above `term`; the base when there is none.
    private func latest(atOrBefore lsn: LSN, termAtMost term: Term) -> LogPosition {
        var end = min(lsn, last)
        guard var index = runIndex(at: end) else { return base }
        while runs[index].term > term {
            guard index > 0 else { return base }
            end = runs[index].first.previous
            index -= 1
        }
        return LogPosition(lsn: end, term: runs[index].term)
    }

    /// - Precondition: `term` is not below the last one.
    mutating func append(count: Int, term: Term) {
        precondition(term >= lastTerm && count > 0, "cannot append \(count) entries of term \(term) after \(end)")
        if runs.last?.term != term { runs.append(TermRun(first: last.next, term: term)) }
        last = last + count
    }

    /// Removes everything after `lsn`.
    mutating func truncate(after lsn: LSN) {
        precondition(lsn >= base.lsn, "cannot truncate after \(lsn): the log starts after \(base)")
        guard lsn < last else { return }
        last = lsn
        while let run = runs.last, run.first > lsn { runs.removeLast() }
    }

    /// Removes everything up to and including `lsn` from the front.
    mutating func trim(through lsn: LSN) {
        guard lsn > base.lsn, let term = term(at: lsn) else { return }
        base = LogPosition(lsn: lsn, term: term)
        guard lsn < last else { return runs.removeAll() }
        let keep = runIndex(at: lsn.next) ?? 0
        runs.removeFirst(keep)
        runs[0].first = lsn.next
    }

    /// The run that holds `lsn`, by binary search; nil when it lies at or before the base.
    private func runIndex(at lsn: LSN) -> Int? {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].first <= lsn { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : low - 1
    }
}
