import ClusterCore

/// Carrying out what the tenure orders, as the agent's driver does.
extension DatabaseWorld {
    func carryOut(_ effects: TenureEffects, at index: Int) throws {
        let agent = agents[index]
        for note in effects.notes { count(note) }
        if let order = effects.order { begin(order, at: index) }
        if let allowed = effects.mayLead { try simulation.handle(.mayLead(allowed), at: index) }
        if effects.resign != nil { try simulation.handle(.transferLeadership(to: nil), at: index) }
        if let handOver = effects.handOver {
            counts.handOvers += 1
            try simulation.handle(.transferLeadership(to: handOver.target), at: index)
        }
        if case .diverged(let reason) = agent.tenure.state, !agent.isTainted {
            throw Violation("I6: database \(index + 1) counts as diverged without having been tampered with: \(reason)")
        }
    }

    private func count(_ note: TenureNote) {
        switch note.kind {
        case .promoted: counts.promotions += 1
        case .fenced: counts.fences += 1
        case .diverged: counts.divergences += 1
        case .promotionFailed: counts.abandonedPromotions += 1
        case .started, .adopted, .lost, .following, .drained, .drainFailed, .needsProvision, .guaranteeBroken: break
        }
    }

    private func begin(_ order: TenureOrder, at index: Int) {
        simulation.trace?.note(simulation.time, index, "  order \(order.action)")
        if order.action == .kill { agents[index].capture = nil }
        let node = simulation.nodes[index]
        let longest: UInt64 = order.action == .pause ? 100 : order.action == .start ? 80 : 10
        later(
            .act(order, life: node.life, process: agents[index].database.process), at: index,
            within: longest * millisecond)
    }

    private func finish(_ order: TenureOrder, _ outcome: TenureOutcome, at index: Int) {
        simulation.trace?.note(simulation.time, index, "  done \(order.action): \(outcome)")
        later(.finish(order, life: simulation.nodes[index].life, outcome), at: index, within: 3 * millisecond)
    }

    /// An order that was superseded, or whose agent died: its statement may have been on its way.
    func actLate(_ order: TenureOrder, process: Int, at index: Int) throws {
        guard agents[index].database.process == process, agents[index].database.isRunning, chance.below(2) == 0 else {
            return
        }
        try statement(order.action, at: index)
    }

    func act(_ order: TenureOrder, process: Int, at index: Int) throws {
        let agent = agents[index]
        guard simulation.nodes[index].raft != nil else { return try actLate(order, process: process, at: index) }
        guard agent.tenure.isCurrent(order) else { return try actLate(order, process: process, at: index) }
        if order.action != .kill, order.action != .pause, chance.below(100) < failuresPercent {
            if chance.below(2) == 0 { try statement(order.action, at: index) }
            return finish(order, .failed(reason: "so it goes"), at: index)
        }
        switch order.action {
        case .start: finish(order, .started(start(index)), at: index)
        case .kill:
            kill(index)
            finish(order, .killed, at: index)
        case .pause, .exportOrphans: finish(order, .done, at: index)
        case .inspect: finish(order, inspect(index), at: index)
        case .awaitApplied, .settle:
            if isReached(order.action, at: index) { return finish(order, .done, at: index) }
            later(
                .act(order, life: simulation.nodes[index].life, process: process), at: index, within: 10 * millisecond)
        case .follow, .unfollow, .holdCommits, .attachCapture, .openWrites, .closeWrites, .releaseCommits:
            guard agent.database.isRunning else { return finish(order, .failed(reason: "no server"), at: index) }
            finish(order, try statement(order.action, at: index) ? .done : .failed(reason: "refused"), at: index)
        }
    }

    private var failuresPercent: UInt64 { simulation.isHealing ? 0 : 3 }

    private func start(_ index: Int) -> StartOutcome {
        let agent = agents[index]
        if agent.database.isRunning {
            if agent.database.isPrimary { counts.adoptedPrimaries += 1 }
            return agent.database.isPrimary ? .adoptedPrimary : .adoptedReplica
        }
        counts.cutTransactions += agent.database.waiters
        agent.database.start(cutsTail: sabotage != .keepsTail)
        return .fresh
    }

    private func kill(_ index: Int) {
        if sabotage == .stopsPolitely { agents[index].database.releaseWaiters() }
        crashDatabase(index)
    }

    /// Whether everything that the database holds is committed in the log, as this node knows it. (I6)
    private func inspect(_ index: Int) -> TenureOutcome {
        let agent = agents[index]
        guard agent.database.isRunning, let raft = simulation.nodes[index].raft else {
            return .failed(reason: "no server")
        }
        if sabotage == .skipsInspection { return .inspected(.contained) }
        for (place, id) in agent.database.binlog.enumerated().reversed() {
            guard let found = find(sequence: place + 1, in: index), found.id == id else {
                return .inspected(.orphans([GTID(domain: 0, server: UInt32(index), sequence: UInt64(place + 1))]))
            }
            // What the log has is committed, or will be cut from the log; that is for time to tell.
            guard found.lsn <= raft.committed else {
                let orphan = GTID(domain: 0, server: UInt32(index), sequence: UInt64(place + 1))
                return sabotage == .takesLateForOrphans
                    ? .inspected(.orphans([orphan])) : .failed(reason: "not committed yet")
            }
            // Below its end, a history that agrees at its end agrees.
            break
        }
        return .inspected(.contained)
    }

    private func isReached(_ action: TenureAction, at index: Int) -> Bool {
        let agent = agents[index]
        switch action {
        case .awaitApplied(let lsn):
            if sabotage == .opensBeforeApplied { return true }
            guard let target = position(of: index, through: barrier(lsn, at: index)) else { return true }
            return agent.database.committed >= transactions[target].sequence
        case .settle:
            guard let capture = agent.capture else { return false }
            return agent.database.waiters == 0 && capture.awaiting.isEmpty
                && capture.logged >= agent.database.binlog.count
        case .start, .kill, .inspect, .exportOrphans, .follow, .unfollow, .holdCommits, .attachCapture, .openWrites,
            .closeWrites, .releaseCommits, .pause:
            return true
        }
    }

    /// What a new primary must have: everything before the term's first entry, and what it proposed itself if it was a primary of
    /// this term before.
    private func barrier(_ lsn: LSN, at index: Int) -> LSN {
        sabotage == .forgetsOwnProposals ? lsn : max(lsn, simulation.nodes[index].raft?.last ?? .zero)
    }

    /// What reaches the server. Returns whether it did what was asked.
    @discardableResult
    private func statement(_ action: TenureAction, at index: Int) throws -> Bool {
        let agent = agents[index]
        guard agent.database.isRunning else { return false }
        switch action {
        case .follow:
            try follow(index)
        case .unfollow(let lsn):
            agent.database.isFollowing = false
            guard let target = position(of: index, through: barrier(lsn, at: index)) else { return true }
            return sabotage == .opensBeforeApplied || agent.database.committed >= transactions[target].sequence
        case .holdCommits: if sabotage != .forgetsToHold { agent.database.setHoldsCommits(true) }
        case .attachCapture: return try attach(index)
        case .openWrites: try open(index)
        // It waits for running commits.
        case .closeWrites:
            guard agent.database.waiters == 0 else { return false }
            agent.database.setReadOnly(true)
        case .releaseCommits:
            guard agent.database.isReadOnly, agent.database.waiters == 0 else { return false }
            agent.database.setHoldsCommits(false)
            agent.capture = nil
        case .start, .kill, .inspect, .exportOrphans, .awaitApplied, .settle, .pause: break
        }
        return true
    }

    private func follow(_ index: Int) throws {
        let agent = agents[index]
        guard simulation.nodes[index].raft != nil else { return }
        agent.capture = nil
        if agent.database.waiters > 0, sabotage == nil {
            throw Violation("I5: commits wait in database \(index + 1) while it is made a replica")
        }
        agent.database.setHoldsCommits(false)
        agent.database.isFollowing = true
        try checkContained(index)
        later(.apply(process: agent.database.process), at: index, within: millisecond)
    }
}
