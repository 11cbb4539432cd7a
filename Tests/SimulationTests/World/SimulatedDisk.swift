import ClusterCore

/// A batch and what stands for its payload: the number under which ``BatchLedger`` knows it.
struct SimulatedBatch {
    var descriptor: BatchDescriptor
    var id: Int
}

/// A log of whole batches that begins after `base`.
struct SimulatedLog {
    private(set) var base = LogPosition.zero
    private(set) var batches: [SimulatedBatch] = []

    var last: LSN { batches.last?.descriptor.last ?? base.lsn }
    var end: LogPosition { batches.last?.descriptor.end ?? base }

    mutating func apply(_ write: LogWrite) {
        switch write {
        case .store(let batch):
            precondition(batch.descriptor.first == last.next, "a gap before \(batch.descriptor.first) after \(last)")
            batches.append(batch)
        case .truncate(let lsn):
            while let batch = batches.last, batch.descriptor.last > lsn { batches.removeLast() }
        case .restart(let base):
            self.base = base
            batches.removeAll()
        }
    }

    mutating func trim(through lsn: LSN) {
        let keep = index(after: lsn)
        guard keep > 0 else { return }
        base = batches[keep - 1].descriptor.end
        batches.removeFirst(keep)
    }

    /// The first batch that begins after `lsn`.
    func index(after lsn: LSN) -> Int {
        var low = 0
        var high = batches.count
        while low < high {
            let middle = (low + high) / 2
            if batches[middle].descriptor.first <= lsn { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The batch that ends at `lsn`.
    func batch(endingAt lsn: LSN) -> SimulatedBatch? {
        let index = index(after: lsn)
        guard index > 0, batches[index - 1].descriptor.last == lsn else { return nil }
        return batches[index - 1]
    }

    func holds(_ position: LogPosition) -> Bool {
        if position.lsn <= base.lsn { return true }
        return batch(endingAt: position.lsn)?.descriptor.term == position.term
    }

    var termRuns: [TermRun] {
        var runs: [TermRun] = []
        for batch in batches where runs.last?.term != batch.descriptor.term {
            runs.append(TermRun(first: batch.descriptor.first, term: batch.descriptor.term))
        }
        return runs
    }
}

enum LogWrite {
    case store(SimulatedBatch)
    case truncate(after: LSN)
    case restart(after: LogPosition)
}

/// A disk that keeps what was synced. A crash keeps some prefix of what was not: a torn batch is none.
struct SimulatedDisk {
    var hardState = HardState()
    /// The membership at or before the log's base.
    var baseMembership: MembershipRecord?
    private(set) var synced = SimulatedLog()
    private var unsynced: [LogWrite] = []
    private var underWay = 0

    var isSyncing: Bool { underWay > 0 }
    var hasUnsynced: Bool { !unsynced.isEmpty }

    mutating func write(_ write: LogWrite) { unsynced.append(write) }
    mutating func startSync() { underWay = unsynced.count }

    /// What was written before the sync began is safe now.
    mutating func finishSync() -> LogPosition {
        for write in unsynced.prefix(underWay) { synced.apply(write) }
        unsynced.removeFirst(underWay)
        underWay = 0
        return synced.end
    }

    /// - Parameter survivors: chosen from 0 to the number of unsynced writes.
    mutating func crash(survivors choose: (Int) -> Int) {
        for write in unsynced.prefix(choose(unsynced.count)) { synced.apply(write) }
        unsynced.removeAll()
        underWay = 0
    }

    mutating func trim(through lsn: LSN, membership: MembershipRecord?) {
        baseMembership = membership
        synced.trim(through: lsn)
    }

    /// What recovery hands to Raft.
    var memberships: [MembershipRecord] {
        var records = baseMembership.map { [$0] } ?? []
        for batch in synced.batches {
            guard let membership = batch.descriptor.membership else { continue }
            records.append(MembershipRecord(position: batch.descriptor.end, membership: membership))
        }
        return records
    }
}
