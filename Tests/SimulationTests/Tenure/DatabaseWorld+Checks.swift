import ClusterCore

/// What must hold of databases, and what befalls them.
extension DatabaseWorld {
    /// It becomes writable. (I3, I4, I8)
    func open(_ index: Int) throws {
        let agent = agents[index]
        agent.database.setReadOnly(false)
        guard agent.database.holdsCommits else {
            throw Violation("I3: database \(index + 1) is opened and holds no commits")
        }
        guard agent.database.binlog.count <= history.count || agent.capture != nil else { return }
        guard case .promoting(.opening, let term) = agent.tenure.state else { return }
        if let other = writable[term], other != index {
            throw Violation("I4: databases \(other + 1) and \(index + 1) are writable in term \(term)")
        }
        writable[term] = index
        guard let raft = simulation.nodes[index].raft, raft.role == .leader, raft.term == term else { return }
        guard raft.noOpCommitted else {
            throw Violation("I3: database \(index + 1) is opened before its no-op is committed")
        }
        guard let last = position(of: index, through: raft.last) else { return }
        let place = transactions[last].sequence - 1
        guard place < agent.database.binlog.count, agent.database.binlog[place] == last else {
            throw Violation("I8: database \(index + 1) is opened without \(describe(last)), which the log has")
        }
    }

    /// What follows has nothing that the log has not. (I6)
    func checkContained(_ index: Int) throws {
        let binlog = agents[index].database.binlog
        guard binlog.count <= history.count, binlog.elementsEqual(history.prefix(binlog.count)) else {
            throw Violation("I6: database \(index + 1) follows with transactions that the log has not")
        }
    }

    /// A leader that lost its majority, or its term, does not go on serving. (I4) One that was found by a restarted agent waits for
    /// the election; nothing commits in it meanwhile.
    func checkServing(_ index: Int) throws {
        let agent = agents[index]
        guard agent.database.isWritable, let raft = simulation.nodes[index].raft, raft.role != .leader,
            agent.tenure.state != .adopted
        else {
            agent.servesInVainSince = nil
            return
        }
        let since = agent.servesInVainSince ?? simulation.time
        agent.servesInVainSince = since
        guard simulation.time - since < 1_500 * millisecond else {
            throw Violation(
                "I4: database \(index + 1) has been writable for 1.5 s without leadership: \(agent.tenure.state)")
        }
    }

    // MARK: Faults

    func fault() throws {
        guard let agent = agents.randomElement(using: &chance), hasDatabase(agent.index) else { return }
        let index = agent.index
        let life = simulation.nodes[index].life
        switch chance.below(8) {
        case 0:
            guard agent.database.isRunning else { return }
            let process = agent.database.process
            crashDatabase(index)
            later(.serverLost(life: life, process: process), at: index, within: 100 * millisecond)
        case 1:
            guard agent.capture != nil, simulation.nodes[index].raft != nil else { return }
            agent.capture = nil
            try carryOut(agent.tenure.handle(.captureLost(reason: "the connection broke")), at: index)
        case 2, 3:
            guard let leader = simulation.leaders.randomElement(using: &chance), hasDatabase(leader) else { return }
            let target = chance.below(2) == 0 ? nil : simulation.nodes[index].number
            try carryOut(agents[leader].tenure.handle(.stepDown(target: target)), at: leader)
        case 4:
            // A client's session is killed while it waits: it commits without its ACK (FACTS 1.6).
            guard agent.database.isWritable, agent.database.waiters > 0, chance.below(4) == 0 else { return }
            agent.isTainted = true
            agent.database.releaseWaiters()
        default: break
        }
    }

    // MARK: Recovery

    /// What diverged gets a fresh copy of what its own log has committed, as an operator would give it.
    func heal() throws {
        for agent in agents where hasDatabase(agent.index) {
            guard case .diverged = agent.tenure.state, let raft = simulation.nodes[agent.index].raft else { continue }
            let last = position(of: agent.index, through: raft.committed)
            agent.database.provision(Array(history.prefix(last.map { transactions[$0].sequence } ?? 0)))
            agent.isTainted = false
            try agentStarted(agent.index)
        }
    }

    /// One primary in the leader's term, and everybody has the whole history.
    var isRecovered: Bool {
        let primaries = agents.filter { $0.database.isWritable }
        guard primaries.count == 1, let primary = primaries.first, case .primary(let term) = primary.tenure.state,
            simulation.nodes[primary.index].raft?.term == term, primary.database.waiters == 0
        else { return false }
        return agents.allSatisfy { agent in
            !hasDatabase(agent.index) || agent.database.binlog.elementsEqual(history)
        }
    }

    var story: String {
        agents.filter { hasDatabase($0.index) }.map { agent in
            "\(agent.index + 1) \(agent.tenure.state) binlog \(agent.database.binlog.count) waiting \(agent.database.waiters)"
        }.joined(separator: "; ") + " of \(history.count)"
    }
}
