import ClusterCore
import NIOCore
import WriteAheadLog

/// What a log should hold, told entry by entry in the plainest way.
struct LogModel {
    struct Item {
        let lsn: LSN
        let term: Term
        let entry: Entry
    }

    /// A transaction that the log has whole, or not (yet).
    struct Transaction {
        let gtid: GTID
        let first: LSN
        /// Nil while its last fragment is missing, or for good.
        var complete: LSN?
        var isAbandoned = false
    }

    var base = Log.Base(lsn: .zero, term: .zero, state: GTIDState())
    /// A fragmented transaction whose beginning was purged: only a crash can leave that.
    private var headless: (gtid: GTID, term: Term, first: LSN)?
    private(set) var batches: [Batch] = []
    private(set) var items: [Item] = []

    var last: LSN { items.last?.lsn ?? base.lsn }
    var lastTerm: Term { items.last?.term ?? base.term }
    /// Where the log can be cut.
    var boundaries: [LSN] { [base.lsn] + batches.map(\.last) }

    mutating func append(_ batch: Batch, _ entries: [Entry]) {
        batches.append(batch)
        for (index, entry) in entries.enumerated() {
            items.append(Item(lsn: batch.first + index, term: batch.term, entry: entry))
        }
    }

    mutating func truncate(after lsn: LSN) {
        batches.removeAll { $0.first > lsn }
        items.removeAll { $0.lsn > lsn }
    }

    mutating func purge(through lsn: LSN) {
        let base = Log.Base(lsn: lsn, term: term(at: lsn) ?? .zero, state: state(through: lsn))
        headless = transactions(through: lsn).last.flatMap { transaction in
            guard !transaction.isAbandoned, transaction.complete == nil else { return nil }
            return term(at: transaction.first).map { (transaction.gtid, $0, transaction.first) } ?? headless
        }
        self.base = base
        batches.removeAll { $0.last <= lsn }
        items.removeAll { $0.lsn <= lsn }
    }

    func term(at lsn: LSN) -> Term? { lsn == base.lsn ? base.term : items.first { $0.lsn == lsn }?.term }

    func transactions(through lsn: LSN = LSN(.max)) -> [Transaction] {
        var all: [Transaction] = []
        var open: (index: Int, term: Term)?
        if let headless {
            all.append(Transaction(gtid: headless.gtid, first: headless.first))
            open = (0, headless.term)
        }
        for item in items where item.lsn <= lsn {
            let entry = item.entry
            switch entry.kind {
            case .noOp, .membership:
                if let run = open, run.term != item.term {
                    all[run.index].isAbandoned = true
                    open = nil
                }
            case .transaction:
                if let run = open { all[run.index].isAbandoned = true }
                open = nil
                if let gtid = entry.gtid { all.append(Transaction(gtid: gtid, first: item.lsn, complete: item.lsn)) }
            case .fragment:
                guard let gtid = entry.gtid else { continue }
                if entry.part == .first {
                    if let run = open { all[run.index].isAbandoned = true }
                    all.append(Transaction(gtid: gtid, first: item.lsn))
                    open = (all.count - 1, item.term)
                } else if let run = open, all[run.index].gtid == gtid, run.term == item.term {
                    if entry.part == .last {
                        all[run.index].complete = item.lsn
                        open = nil
                    }
                } else {
                    if let run = open { all[run.index].isAbandoned = true }
                    open = nil
                }
            }
        }
        return all
    }

    func state(through lsn: LSN) -> GTIDState {
        var state = base.state
        for transaction in transactions(through: lsn) where transaction.complete != nil {
            state.advance(to: transaction.gtid)
        }
        return state
    }

    var termRuns: [TermRun] {
        var runs: [TermRun] = []
        for item in items where item.term != runs.last?.term { runs.append(TermRun(first: item.lsn, term: item.term)) }
        return runs
    }

    var memberships: [StoredMembership] {
        items.filter { $0.entry.kind == .membership }.map { StoredMembership(lsn: $0.lsn, body: $0.entry.body) }
    }
}
