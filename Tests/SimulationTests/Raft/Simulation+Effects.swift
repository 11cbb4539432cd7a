import ClusterCore

/// Carrying out what a node's Raft wants, crashing in between.
extension Simulation {
    func handle(_ event: RaftEvent, at index: Int, ids: [Int] = []) throws {
        counts.steps += 1
        let node = nodes[index]
        guard let effects = node.raft?.handle(event, now: node.clock.local(time)) else { return }
        trace?.event(time, index, event)
        if effects.isEmpty { return }
        trace?.effects(time, index, effects)
        try carryOut(effects, of: event, ids: ids, at: index)
        try databases?.raftMoved(index)
    }

    func carryOut(_ effects: RaftEffects, of event: RaftEvent, ids: [Int], at index: Int) throws {
        let node = nodes[index]
        let life = node.life
        if scenario.sabotage == .sendsBeforePersisting {
            for outbound in effects.messages { send(outbound.message, from: index, to: outbound.to) }
            if crashesHere(index) { return }
        }
        if let state = effects.hardState {
            node.disk.hardState = state
            if scenario.sabotage == .forgetsVote { node.disk.hardState.votedFor = nil }
            if crashesHere(index) { return }
        }
        try writeLog(effects, of: event, ids: ids, at: index)
        guard isUp(index, life) else { return }
        if scenario.sabotage != .sendsBeforePersisting {
            for outbound in effects.messages {
                send(sabotaged(outbound.message), from: index, to: outbound.to)
                if crashesHere(index) { return }
            }
        }
        for notice in effects.notices { try note(notice, at: index) }
        if let committed = effects.committed { try checkCommitted(committed, at: index) }
        try checkSabotagedCommit(at: index)
        for peer in effects.pump { try pump(index, to: peer) }
        guard isUp(index, life), let raft = node.raft else { return }
        guard raft.last == node.log.last, raft.durable <= node.log.last else {
            throw Violation("node \(index) believes its log ends at \(raft.last), but it ends at \(node.log.last)")
        }
    }

    private func writeLog(_ effects: RaftEffects, of event: RaftEvent, ids: [Int], at index: Int) throws {
        let node = nodes[index]
        if let base = effects.restartLogAfter {
            // The membership record is written before the log is given up.
            if case .provisioned(_, let record, _) = event { node.disk.baseMembership = record }
            write(.restart(after: base), at: index)
            node.checked = base.lsn
        }
        if let lsn = effects.truncateAfter {
            counts.truncations += 1
            write(.truncate(after: lsn), at: index)
            if crashesHere(index) { return }
        }
        if let first = effects.store.first {
            guard case .message(_, .append(let append)) = event,
                let offset = append.batches.firstIndex(where: { $0.first == first.first })
            else { throw Violation("node \(index) stores batches that it was not given") }
            for (position, batch) in effects.store.enumerated() {
                let stored = SimulatedBatch(descriptor: batch, id: ids[offset + position])
                // That one is to be found out by its consequences.
                if scenario.sabotage != .skipsConsistencyCheck || node.log.last.next != batch.first {
                    try ledger.stored(stored, after: node.log.end, by: index)
                }
                write(.store(stored), at: index)
                if crashesHere(index) { return }
            }
        }
        if let batch = effects.append { try writeOwn(batch, at: index) }
    }

    /// A leader's own batch.
    func writeOwn(_ batch: BatchDescriptor, transactions: [Int] = [], at index: Int) throws {
        let log = nodes[index].log
        let id = try ledger.make(batch, after: log.end)
        databases?.logged(transactions, in: id, after: log.batches.last?.id)
        write(.store(SimulatedBatch(descriptor: batch, id: id)), at: index)
    }

    private func write(_ write: LogWrite, at index: Int) {
        let node = nodes[index]
        node.log.apply(write)
        node.disk.write(write)
        if scenario.sabotage == .acknowledgesBeforeSync { report(node.log.end, at: index) }
        sync(index)
    }

    private func sync(_ index: Int) {
        let node = nodes[index]
        guard !node.disk.isSyncing, node.disk.hasUnsynced else { return }
        node.disk.startSync()
        let isSlow = !isHealing && chance.below(1_000) < scenario.slowSyncsPerMille
        let duration = scenario.syncMin + chance.below(isSlow ? 500 * millisecond : scenario.syncSpread)
        queue.add(.synced(index, life: node.life), at: time + duration)
    }

    func synced(_ index: Int, _ life: Int) {
        guard isUp(index, life) else { return }
        report(nodes[index].disk.finishSync(), at: index)
        sync(index)
    }

    /// The disk's thread tells the node's, a moment later.
    private func report(_ position: LogPosition, at index: Int) {
        let node = nodes[index]
        node.lastReport = max(node.lastReport, time + chance.below(millisecond / 5))
        queue.add(.durable(index, life: node.life, position), at: node.lastReport)
    }

    func crashesHere(_ index: Int) -> Bool {
        guard !isHealing, chance.below(100_000) < scenario.crashesPer100kEffects else { return false }
        crash(index)
        return true
    }

    // MARK: Appends

    func pumpAll(_ index: Int) throws {
        guard let raft = nodes[index].raft else { return }
        for peer in raft.peers { try pump(index, to: peer.peer) }
    }

    /// Sends what the peer should get, until its link is full.
    func pump(_ index: Int, to peer: NodeNumber) throws {
        let node = nodes[index]
        var room = scenario.window
        guard !node.waitingLinks.contains(peer) else { return }
        while let request = node.raft?.nextAppend(to: peer) {
            if room == 0 || (request.mayCarryEntries && chance.below(100) < scenario.slowReadsPercent) {
                node.waitingLinks.insert(peer)
                let event: Event =
                    room == 0
                    ? .link(index, life: node.life, to: peer) : .read(index, life: node.life, to: peer, request)
                return queue.add(event, at: time + millisecond + chance.below(10 * millisecond))
            }
            room -= 1
            try sendAppend(request, from: index, to: peer)
            if crashesHere(index) { return }
        }
    }

    /// The disk has read the batches that a request asked for, perhaps too late.
    func finishRead(_ index: Int, _ life: Int, _ peer: NodeNumber, _ request: AppendRequest) throws {
        guard isUp(index, life) else { return }
        nodes[index].waitingLinks.remove(peer)
        if nodes[index].log.holds(request.prev), request.prev.lsn >= nodes[index].log.base.lsn {
            try sendAppend(request, from: index, to: peer)
        }
        try pump(index, to: peer)
    }

    private func sendAppend(_ request: AppendRequest, from index: Int, to peer: NodeNumber) throws {
        let node = nodes[index]
        var batches: [BatchDescriptor] = []
        var ids: [Int] = []
        if request.mayCarryEntries {
            let first = node.log.index(after: request.prev.lsn)
            for batch in node.log.batches[first...].prefix(1 + Int(chance.below(UInt64(scenario.batchesPerAppend)))) {
                guard batch.descriptor.term <= request.term else { break }
                batches.append(batch.descriptor)
                ids.append(batch.id)
            }
        }
        let through = batches.last?.last ?? request.prev.lsn
        let isCurrent = node.raft?.sent(request, to: peer, through: through) ?? false
        guard isCurrent || (node.raft?.term == request.term && node.raft?.role == .leader) else { return }
        send(request.message(carrying: batches), ids: ids, from: index, to: peer)
    }
}
