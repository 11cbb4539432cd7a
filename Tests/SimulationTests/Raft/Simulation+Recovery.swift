import ClusterCore

/// After the faults: the cluster must come to itself.
extension Simulation {
    /// Heals everything; then one leader has to be found, new entries be committed, and every member hold them.
    func recover() throws {
        isHealing = true
        network.heal()
        network.conditions = SimulatedNetwork.Conditions()
        for node in nodes {
            if node.raft == nil { try start(node.index) }
            node.isPaused = false
            try handle(.mayLead(true), at: node.index)
        }
        let goal = ledger.committedEnd.lsn + 20
        let deadline = time + 30_000 * millisecond
        while time < deadline {
            let pause = time + 50 * millisecond
            while time < pause { try step() }
            if isRecovered(goal) { return }
            provisionAgain()
            try databases?.heal()
        }
        let story = nodes.map(describe).joined(separator: "; ") + "; " + (databases?.story ?? "")
        throw Violation("liveness: no recovery within 30 s: \(story)")
    }

    /// What was to be provisioned may have crashed before it was.
    private func provisionAgain() {
        for peer in leaders.flatMap({ nodes[$0].raft?.peers ?? [] }) where peer.state == .needsProvision {
            let other = nodes[Int(peer.peer.rawValue) - 1]
            queue.add(.provision(other.index, life: other.life), at: time + millisecond)
        }
    }

    private func isRecovered(_ goal: LSN) -> Bool {
        guard let leader = leaders.compactMap({ nodes[$0].raft }).max(by: { $0.term < $1.term }), leader.noOpCommitted,
            leader.committed >= goal, !leader.isCaretaker
        else { return false }
        if let databases {
            // First new writes, then quiet.
            databases.hasClients = false
            guard databases.isRecovered else { return false }
        }
        return leader.membership.members.allSatisfy { member in
            guard let raft = nodes[Int(member.number.rawValue) - 1].raft else { return false }
            return raft.committed >= goal && raft.leader == leader.node
        }
    }

    private func describe(_ node: SimulatedNode) -> String {
        guard let raft = node.raft else { return "\(node.number) down" }
        let peers = raft.peers.map { "\($0.peer):\($0.state) \($0.match)/\($0.next)" }.joined(separator: " ")
        return "\(node.number) \(raft.role) term \(raft.term) log \(raft.log.base.lsn)...\(raft.log.end) "
            + "committed \(raft.committed) leader \(raft.leader?.description ?? "-") "
            + "voters \(raft.membership.voters.map(\.number)) [\(peers)]"
    }
}
