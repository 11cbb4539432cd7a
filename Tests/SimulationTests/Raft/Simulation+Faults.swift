import ClusterCore

/// What befalls the cluster, and what its operators do.
extension Simulation {
    func fault() throws {
        if isHealing { return }
        try databases?.fault()
        queue.add(.fault, at: time + 1 + chance.below(2 * scenario.faultInterval))
        if scenario.hasRivals {
            for _ in 0..<2 { try handle(.campaign, at: Int(chance.below(UInt64(nodes.count)))) }
        }
        switch chance.below(10) {
        case 0, 1: if let node = nodes.randomElement(using: &chance), node.raft != nil { crash(node.index) }
        case 2: crashMajority()
        case 3, 4: if scenario.partitions { partition() }
        case 5:
            network.heal()
            try resetLines()
        case 6: pause()
        case 7:
            if scenario.clockJumps {
                nodes.randomElement(using: &chance)?.clock.jump(by: chance.below(1_000) * millisecond)
            }
        case 8: try command()
        default: if scenario.changesMembership { try changeMembership() } else { try command() }
        }
        if scenario.trims { try trim() }
    }

    /// Where lines were cut there are new ones.
    private func resetLines() throws {
        for node in nodes.indices where nodes[node].raft != nil {
            for peer in nodes where peer.index != node { try handle(.lineReset(to: peer.number), at: node) }
        }
    }

    func crash(_ index: Int) {
        counts.crashes += 1
        trace?.note(time, index, "crashes")
        let node = nodes[index]
        node.disk.crash { Int(chance.below(UInt64($0) + 1)) }
        if scenario.sabotage == .restartsWithoutLog, chance.below(4) == 0, node.disk.synced.base == .zero {
            node.disk.write(.restart(after: .zero))
            node.disk.crash { $0 }
        }
        node.raft = nil
        node.life += 1
        databases?.agentCrashed(index)
        let longest = [5, 200, 200, 3_000][scenario.hasRivals ? 0 : Int(chance.below(4))] * millisecond
        queue.add(.restart(index, life: node.life), at: time + chance.below(longest))
    }

    private func crashMajority() {
        for node in nodes where node.raft != nil && chance.below(2) == 0 { crash(node.index) }
    }

    private func partition() {
        network.heal()
        let side = nodes.map { _ in chance.below(2) }
        let oneWay = scenario.asymmetricPartitions && chance.below(2) == 0
        for from in nodes.indices {
            for to in nodes.indices where side[from] != side[to] && (!oneWay || side[from] == 0) {
                network.block(from: from, to: to)
            }
        }
    }

    private func pause() {
        guard let node = nodes.randomElement(using: &chance), node.raft != nil else { return }
        node.isPaused = true
        queue.add(.resume(node.index, life: node.life), at: time + chance.below(600 * millisecond))
    }

    var leaders: [Int] { nodes.indices.filter { nodes[$0].raft?.role == .leader } }

    private func command() throws {
        guard scenario.transfers, let index = nodes.indices.randomElement(using: &chance) else { return }
        switch chance.below(5) {
        case 0: try handle(.campaign, at: index)
        case 1:
            if let leader = leaders.randomElement(using: &chance) { try handle(.stepDown(reason: "test"), at: leader) }
        case 2: try handle(.mayLead(chance.below(2) == 0), at: index)
        case 3:
            guard let leader = leaders.randomElement(using: &chance) else { return }
            try handle(.transferLeadership(to: nodes[index].number), at: leader)
        default:
            guard let leader = leaders.randomElement(using: &chance) else { return }
            try handle(.transferLeadership(to: nil), at: leader)
        }
    }

    // MARK: Work

    func propose() throws {
        queue.add(.propose, at: time + 1 + chance.below(2 * scenario.proposalInterval))
        guard let index = leaders.randomElement(using: &chance), let raft = nodes[index].raft,
            raft.last - raft.committed < scenario.uncommittedMax
        else { return }
        let count = 1 + Int(chance.below(5))
        guard let batch = proposal(count, at: index) else { return }
        counts.steps += 1
        try writeOwn(batch, at: index)
        if !crashesHere(index) { try pumpAll(index) }
    }

    private func proposal(_ count: Int, at index: Int) -> BatchDescriptor? {
        do { return try nodes[index].raft?.propose(count: count, bytes: 100 * count) } catch { return nil }
    }

    private func changeMembership() throws {
        guard let index = leaders.randomElement(using: &chance), let old = nodes[index].raft?.membership,
            let node = nodes.randomElement(using: &chance)
        else { return }
        var member = old[node.number] ?? Member(id: "n\(node.number)", number: node.number, role: .learner, address: "")
        let new: Membership
        switch chance.below(4) {
        case 0: new = old.removing(node.number)
        case 1:
            member.role = .learner
            new = old.setting(member)
        case 2:
            member.role = .witness
            new = old.setting(member)
        default:
            member.role = .voter
            new = old.setting(member)
        }
        guard new.voters.count >= 2, new.members.count(where: \.role.mayLead) >= 2 else { return }
        guard let effects = change(to: new, at: index) else { return }
        counts.steps += 1
        trace?.effects(time, index, effects)
        try carryOut(effects, of: .tick, ids: [], at: index)
    }

    private func change(to new: Membership, at index: Int) -> RaftEffects? {
        do { return try nodes[index].raft?.propose(new, bytes: 50, now: nodes[index].clock.local(time)) } catch {
            return nil
        }
    }

    // MARK: Retention and provisioning

    /// Some node lets go of the front of its log.
    private func trim() throws {
        guard let node = nodes.randomElement(using: &chance), let raft = node.raft else { return }
        let limit = min(raft.committed, node.disk.synced.last, node.checked)
        let index = node.log.index(after: limit)
        guard index > 0 else { return }
        let lsn = node.log.batches[Int(chance.below(UInt64(index)))].descriptor.last
        let record =
            raft.membershipRecords.last { $0.position.lsn <= lsn }
            ?? node.disk.memberships.last { $0.position.lsn <= lsn }
        node.disk.trim(through: lsn, membership: record)
        node.log.trim(through: lsn)
        try handle(.trimmed(through: lsn), at: node.index)
    }

    /// The node gets a copy of the database of some other that has more.
    func provision(_ index: Int) throws {
        let sources = nodes.filter {
            $0.index != index && ($0.raft?.committed ?? .zero) > (nodes[index].raft?.committed ?? .zero)
        }
        guard let source = sources.randomElement(using: &chance), let raft = source.raft,
            let term = raft.log.term(at: raft.committed)
        else { return }
        let base = LogPosition(lsn: raft.committed, term: term)
        guard ledger.isCommitted(base) else { throw Violation("node \(source.index) would copy uncommitted \(base)") }
        let records = source.disk.memberships + raft.membershipRecords
        guard
            let record = records.filter({ $0.position.lsn <= base.lsn }).max(by: { $0.position.lsn < $1.position.lsn })
        else { return }
        counts.provisions += 1
        try handle(.provisioned(through: base, record, asOf: raft.term), at: index)
    }
}
