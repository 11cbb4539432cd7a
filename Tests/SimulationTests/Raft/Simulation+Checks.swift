import ClusterCore

/// What must hold after every step.
extension Simulation {
    func note(_ notice: RaftNotice, at index: Int) throws {
        let node = nodes[index]
        switch notice {
        case .roleChanged(_, .leader, let term, let reason):
            counts.elections += 1
            if reason == .transferred { counts.transfers += 1 }
            if reason == .caretaker { counts.caretakers += 1 }
            try ledger.elected(index, in: term)
            try checkLeaderCompleteness(index, term)
        case .roleChanged(_, _, _, .quorumLost): counts.quorumLosses += 1
        case .membershipCommitted: counts.membershipChanges += 1
        case .membershipRolledBack: counts.rollbacks += 1
        case .needsProvision(let peer, _, _):
            let other = nodes[Int(peer.rawValue) - 1]
            queue.add(.provision(other.index, life: other.life), at: time + chance.below(200 * millisecond))
        case .malformed(let peer, let what):
            if scenario.sabotage == nil { throw Violation("node \(index) calls node \(peer) malformed: \(what)") }
        case .diverged(let lsn, let leader):
            throw Violation("node \(node.number) diverged from leader \(leader) at \(lsn)")
        case .roleChanged, .leaderChanged, .electionStarted, .electionNotStarted, .electionStalled, .termEstablished,
            .membershipChanged, .transferStarted, .transferAborted, .provisioned, .confirmedEntriesMissing:
            break
        }
    }

    /// A leader has every entry that was ever committed (Raft, figure 3).
    private func checkLeaderCompleteness(_ index: Int, _ term: Term) throws {
        guard nodes[index].log.holds(ledger.committedEnd), nodes[index].log.last >= ledger.committedEnd.lsn else {
            throw Violation(
                "leader completeness: node \(index) leads term \(term) without \(ledger.committedEnd)")
        }
    }

    /// Everything up to `lsn` is final here: the same as everywhere, and on the disks of a majority.
    func checkCommitted(_ lsn: LSN, at index: Int) throws {
        let node = nodes[index]
        guard lsn > node.checked else { return }
        for batch in node.log.batches[node.log.index(after: node.checked)...] {
            guard batch.descriptor.last <= lsn else { break }
            if try ledger.committed(batch, by: index) {
                counts.commits += 1
                try databases?.committed(batch.id)
                try checkDurability(batch.descriptor.end, at: index)
            }
            node.checked = batch.descriptor.last
        }
        guard node.checked == lsn else { throw Violation("node \(index) commits \(lsn), in the middle of a batch") }
    }

    private func checkDurability(_ position: LogPosition, at index: Int) throws {
        guard let raft = nodes[index].raft, raft.role == .leader else { return }
        let voters = raft.membership.voters
        let holders = voters.filter { member in
            let disk = nodes[Int(member.number.rawValue) - 1].disk.synced
            return disk.last >= position.lsn && disk.holds(position)
        }
        guard holders.count > voters.count / 2 else {
            throw Violation(
                "durability: \(position) is committed with \(holders.count) copies at \(voters.count) voters")
        }
    }

    /// A node that counts copies of any term.
    func checkSabotagedCommit(at index: Int) throws {
        guard scenario.sabotage == .commitsOldTermsByCount, let raft = nodes[index].raft, raft.role == .leader else {
            return
        }
        var matches = raft.peers.filter(\.votes).map(\.match)
        if raft.ownRole?.votes == true { matches.append(raft.durable) }
        matches.sort(by: >)
        guard !matches.isEmpty else { return }
        try checkCommitted(matches[matches.count / 2], at: index)
    }

    func sabotaged(_ message: RaftMessage) -> RaftMessage {
        guard scenario.sabotage == .votesForAnyLog, case .voteReply(var reply) = message,
            reply.refusal == .logIsBehind
        else { return message }
        reply.refusal = nil
        return .voteReply(reply)
    }
}
