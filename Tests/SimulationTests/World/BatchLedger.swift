import ClusterCore

/// What breaks the promise of consensus, in words.
struct Violation: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Knows every batch that was ever made, and which of them are committed. Omniscient: no node sees it.
struct BatchLedger {
    private struct Record {
        let first: LSN
        let end: LogPosition
        let previousTerm: Term
    }

    private var records: [Record] = []
    private var made: [LogPosition: Int] = [:]
    private var leaders: [Term: Int] = [:]
    /// By the LSN of the batch's last entry; -1 where none ends.
    private var committedByEnd: [Int] = [-1]
    private(set) var committedEnd = LogPosition.zero

    var batchesMade: Int { records.count }

    /// Election safety: at most one leader in a term (Raft, figure 3).
    mutating func elected(_ node: Int, in term: Term) throws(Violation) {
        if let other = leaders[term] {
            throw Violation("election safety: node \(node) is elected in term \(term), which node \(other) has led")
        }
        leaders[term] = node
    }

    /// A leader made a batch; returns its number.
    mutating func make(_ batch: BatchDescriptor, after previous: LogPosition) throws(Violation) -> Int {
        let key = LogPosition(lsn: batch.first, term: batch.term)
        guard made[key] == nil else { throw Violation("two batches begin at \(key)") }
        guard previous.lsn.next == batch.first else { throw Violation("a leader left a gap before \(key)") }
        made[key] = records.count
        records.append(Record(first: batch.first, end: batch.end, previousTerm: previous.term))
        return records.count - 1
    }

    /// Log matching: who stores a batch has before it what its maker had (Raft, figure 3); holds for the whole prefix by
    /// induction.
    func stored(_ batch: SimulatedBatch, after previous: LogPosition, by node: Int) throws(Violation) {
        let record = records[batch.id]
        guard record.first == batch.descriptor.first, record.end == batch.descriptor.end else {
            throw Violation("node \(node) stores batch \(record.first)...\(record.end) as \(batch.descriptor)")
        }
        guard previous.lsn.next == record.first, previous.term == record.previousTerm else {
            throw Violation(
                "log matching: node \(node) stores \(record.end) after \(previous), not term \(record.previousTerm)")
        }
    }

    /// State machine safety: what is committed at an LSN is the same everywhere and for ever (Raft, figure 3). Returns
    /// whether this is the first time that it is seen as committed.
    mutating func committed(_ batch: SimulatedBatch, by node: Int) throws(Violation) -> Bool {
        let end = batch.descriptor.end
        if end.lsn <= committedEnd.lsn {
            let known = committedByEnd[Int(end.lsn.rawValue)]
            guard known == batch.id else {
                throw Violation(
                    "state machine safety: node \(node) commits \(end), but \(describe(known)) is committed")
            }
            return false
        }
        guard batch.descriptor.first == committedEnd.lsn.next else {
            throw Violation("node \(node) commits \(end) after \(committedEnd): not whole batches")
        }
        for _ in 1..<batch.descriptor.count { committedByEnd.append(-1) }
        committedByEnd.append(batch.id)
        committedEnd = end
        return true
    }

    func isCommitted(_ position: LogPosition) -> Bool {
        guard position.lsn > .zero else { return true }
        guard position.lsn <= committedEnd.lsn else { return false }
        let id = committedByEnd[Int(position.lsn.rawValue)]
        return id >= 0 && records[id].end == position
    }

    private func describe(_ id: Int) -> String { id < 0 ? "the middle of a batch" : "\(records[id].end)" }
}
