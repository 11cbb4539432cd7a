import ClusterCore

/// The way of a write: clients, the capture, the log, the ACK; and the way of what others wrote: the relay.
extension DatabaseWorld {
    // MARK: Clients

    func write(_ index: Int) {
        later(.clients, at: index, within: 8 * millisecond)
        guard hasClients, agents[index].database.isWritable, agents[index].database.waiters < 20 else { return }
        for _ in 0...chance.below(3) {
            let id = make(server: index, sequence: agents[index].database.binlog.count + 1)
            agents[index].database.write(id)
            counts.writes += 1
        }
        read(index)
    }

    // MARK: Capture

    /// Connects at the quorum-committed GTID; the server takes that as an ACK of everything before it. (I7)
    func attach(_ index: Int) throws -> Bool {
        let agent = agents[index]
        guard let raft = simulation.nodes[index].raft else { return false }
        var start = position(of: index, through: raft.committed).map { transactions[$0].sequence } ?? 0
        if sabotage == .attachesAtEnd { start = agent.database.binlog.count }
        // The server refuses a GTID that its binlog has not.
        if start > 0, sabotage != .attachesAtEnd {
            guard start <= agent.database.binlog.count,
                agent.database.binlog[start - 1] == position(of: index, through: raft.committed)
            else { return false }
        }
        let logged = position(of: index, through: raft.last).map { transactions[$0].sequence } ?? 0
        agent.connections += 1
        agent.capture = DatabaseAgent.Capture(
            connection: agent.connections, next: start, logged: sabotage == .forgetsWhatIsLogged ? start : logged)
        try release(index, through: start)
        read(index)
        return true
    }

    private func read(_ index: Int) {
        guard let capture = agents[index].capture, !capture.isReading else { return }
        agents[index].capture?.isReading = true
        later(
            .capture(life: simulation.nodes[index].life, connection: capture.connection), at: index, within: millisecond
        )
    }

    func capture(_ index: Int, _ connection: Int) throws {
        let agent = agents[index]
        guard agent.capture?.connection == connection, agent.database.isRunning else { return }
        agent.capture?.isReading = false
        var group: [Int] = []
        while let capture = agent.capture, capture.next < agent.database.binlog.count, group.count < 8 {
            let sequence = capture.next + 1
            agent.capture?.next = sequence
            if sequence <= capture.logged {
                awaitLogged(index, sequence)
            } else {
                group.append(agent.database.binlog[sequence - 1])
            }
        }
        if !group.isEmpty { try propose(group, at: index) }
        acknowledgeCommitted(index)
        if let capture = agent.capture, capture.next < agent.database.binlog.count { read(index) }
    }

    /// The log had it before this connection was made: to be acknowledged when, or as soon as, it is committed.
    private func awaitLogged(_ index: Int, _ sequence: Int) {
        guard sabotage != .forgetsOldAcknowledgements, let found = find(sequence: sequence, in: index) else { return }
        agents[index].capture?.awaiting.append((found.lsn, sequence))
    }

    private func propose(_ group: [Int], at index: Int) throws {
        let agent = agents[index]
        guard let batch = propose(group.count, at: index) else {
            agent.capture = nil
            return try carryOut(agent.tenure.handle(.captureLost(reason: "a transaction can't be proposed")), at: index)
        }
        simulation.counts.steps += 1
        try simulation.writeOwn(batch, transactions: group, at: index)
        for id in group { agent.capture?.awaiting.append((batch.last, transactions[id].sequence)) }
        if let last = group.last { agent.capture?.logged = transactions[last].sequence }
        try simulation.pumpAll(index)
    }

    private func propose(_ count: Int, at index: Int) -> BatchDescriptor? {
        do { return try simulation.nodes[index].raft?.propose(count: count, bytes: count) } catch { return nil }
    }

    /// Acknowledges what the log has committed.
    func acknowledgeCommitted(_ index: Int) {
        let agent = agents[index]
        guard let raft = simulation.nodes[index].raft, var capture = agent.capture else { return }
        let limit = sabotage == .acknowledgesBeforeQuorum ? raft.last : raft.committed
        var last: Int?
        var count = 0
        for awaited in capture.awaiting.prefix(while: { $0.lsn <= limit }) {
            last = awaited.sequence
            count += 1
        }
        guard let last else { return }
        capture.awaiting.removeFirst(count)
        agent.capture = capture
        later(
            .acknowledge(process: agent.database.process, connection: capture.connection, through: last), at: index,
            within: millisecond)
    }

    func acknowledge(_ index: Int, process: Int, connection: Int, through sequence: Int) throws {
        let agent = agents[index]
        guard agent.database.isRunning, agent.database.process == process, agent.connections == connection else {
            return
        }
        try release(index, through: sequence)
    }

    /// Waiters commit, and their clients hear it. (I1)
    private func release(_ index: Int, through sequence: Int) throws {
        let agent = agents[index]
        let before = agent.database.committed
        agent.database.acknowledge(through: sequence, flushed: chance.below(3) == 0)
        for id in agent.database.binlog[before..<agent.database.committed] {
            counts.acknowledged += 1
            guard isCommitted(id) else {
                throw Violation("I1: database \(index + 1) commits \(describe(id)), which no majority has")
            }
        }
    }

    // MARK: Relay

    /// The replica threads take some of what is committed. (I2, I10)
    func apply(_ index: Int, process: Int) throws {
        let agent = agents[index]
        guard agent.database.process == process, agent.database.isRunning, agent.database.isFollowing,
            let raft = simulation.nodes[index].raft
        else { return }
        let limit = sabotage == .servesUncommitted ? raft.last : raft.committed
        for _ in 0...chance.below(12) {
            guard let found = find(sequence: agent.database.binlog.count + 1, in: index), found.lsn <= limit else {
                return
            }
            guard isCommitted(found.id) else {
                throw Violation("I2: database \(index + 1) applies \(describe(found.id)), which is not committed")
            }
            agent.database.apply(found.id, flushed: chance.below(4) == 0)
        }
        later(.apply(process: process), at: index, within: 3 * millisecond)
    }
}
