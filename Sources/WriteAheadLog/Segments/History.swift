import ClusterCore

/// A fragmented transaction of which the last fragment has not come yet.
struct OpenRun: Hashable, Sendable {
    let gtid: GTID
    let term: Term
    /// Where its first fragment lies.
    let first: LSN
}

/// What the log has said up to some LSN: which transactions are complete, and which one is under way.
///
/// A fragmented transaction counts once its last fragment is there. Its fragments have one term and follow each
/// other with nothing between them but no-ops and memberships of that term; anything else abandons it, and it does
/// not count.
struct History: Hashable, Sendable {
    var frontier = GTIDFrontier()
    private(set) var open: OpenRun?

    init(frontier: GTIDFrontier = GTIDFrontier(), open: OpenRun? = nil) {
        self.frontier = frontier
        self.open = open
    }

    mutating func apply(_ header: BatchHeader) {
        switch header.kind {
        case .noOp, .membership:
            if header.term != open?.term { open = nil }
        case .transactions:
            open = nil
            for range in header.gtidRanges { frontier.advance(to: range.lastGTID) }
        case .fragmentFirst:
            open = header.gtidRanges.first.map { OpenRun(gtid: $0.firstGTID, term: header.term, first: header.first) }
        case .fragmentMiddle:
            if !continues(header) { open = nil }
        case .fragmentLast:
            if let run = open, continues(header) { frontier.advance(to: run.gtid) }
            open = nil
        }
    }

    /// Like ``apply(_:)``, but only with the entries up to `lsn`.
    mutating func apply(_ header: BatchHeader, through lsn: LSN) {
        if header.last <= lsn { return apply(header) }
        guard header.first <= lsn else { return }
        // Only transactions share a batch.
        open = nil
        var rest = lsn.rawValue - header.first.rawValue + 1
        for range in header.gtidRanges where rest > 0 {
            let taken = min(rest, UInt64(range.count))
            frontier.advance(to: GTID(domain: range.domain, server: range.server, sequence: range.first + taken - 1))
            rest -= taken
        }
    }

    /// Whether a batch that comes next goes on with, or ends, the transaction under way.
    func continues(_ header: BatchHeader) -> Bool {
        guard let open else { return false }
        return open.term == header.term && header.gtidRanges.first?.firstGTID == open.gtid
    }

    /// The LSN at which `gtid` is complete, if the batch that comes next completes it.
    func completion(of gtid: GTID, by header: BatchHeader) -> LSN? {
        switch header.kind {
        case .transactions: header.lsn(of: gtid)
        case .fragmentLast: continues(header) && open?.gtid == gtid ? header.first : nil
        case .noOp, .membership, .fragmentFirst, .fragmentMiddle: nil
        }
    }
}
