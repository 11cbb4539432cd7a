/// A leader: what the peers answer (Raft, section 5.3; the states of a peer are etcd's).
extension Raft {
    mutating func receive(
        _ reply: AppendReply, from peer: NodeNumber, _ now: Instant, _ effects: inout RaftEffects
    ) {
        guard let index = answering(peer, term: reply.term, now, &effects) else { return }
        switch reply.verdict {
        case .accepted(let durable, let received):
            accepted(index, durable: durable, received: received, now, &effects)
        case .rejected(let prev, let runs, let last):
            rejected(index, prev: prev, runs: runs, last: last, &effects)
        }
    }

    mutating func receive(
        _ reply: HeartbeatReply, from peer: NodeNumber, _ now: Instant, _ effects: inout RaftEffects
    ) {
        guard let index = answering(peer, term: reply.term, now, &effects), let progress = leadership?.peers[index]
        else { return }
        leadership?.peers[index].confirmed = max(progress.confirmed, min(reply.sentAt, now))
        // Appends may be on their way still; but if none arrived since the last heartbeat, they may be lost.
        if progress.state == .replicate, reply.received < progress.next.previous,
            reply.received <= progress.received
        {
            leadership?.peers[index].checksArrival = true
            effects.pump.append(peer)
        }
        leadership?.peers[index].received = reply.received
        leadership?.peers[index].mayLead = reply.mayLead
        accepted(index, durable: reply.durable, received: reply.received, now, &effects)
    }

    /// The answering peer's place, when the answer is to this leader in this term.
    private mutating func answering(
        _ peer: NodeNumber, term answerTerm: Term, _ now: Instant, _ effects: inout RaftEffects
    ) -> Int? {
        guard membership[peer] != nil else { return nil }
        if answerTerm > term {
            adopt(answerTerm, from: peer, leader: nil, now, &effects)
            return nil
        }
        guard answerTerm == term, let index = index(of: peer) else { return nil }
        leadership?.peers[index].lastContact = now
        return index
    }

    private mutating func accepted(
        _ index: Int, durable: LSN, received: LSN, _ now: Instant, _ effects: inout RaftEffects
    ) {
        guard let progress = leadership?.peers[index] else { return }
        guard durable <= received, received <= log.last else {
            return effects.note(.malformed(from: progress.peer, "it confirms \(received), beyond \(log.last)"))
        }
        switch progress.state {
        case .probe:
            if received >= progress.next.previous { replicate(index, from: received.next, &effects) }
        case .replicate:
            if received >= progress.next { leadership?.peers[index].next = received.next }
        case .needsProvision:
            if received >= log.base.lsn {
                effects.note(.provisioned(progress.peer, from: received.next))
                replicate(index, from: received.next, &effects)
            }
        }
        guard durable > progress.match else { return }
        leadership?.peers[index].match = durable
        advanceCommit(now, &effects)
        if leadership?.transfer?.target == progress.peer { askTransferTarget(&effects) }
    }

    private mutating func replicate(_ index: Int, from next: LSN, _ effects: inout RaftEffects) {
        leadership?.peers[index].replicate(from: next)
        if let peer = leadership?.peers[index].peer { effects.pump.append(peer) }
    }

    private mutating func rejected(
        _ index: Int, prev: LSN, runs: [TermRun], last: LSN, _ effects: inout RaftEffects
    ) {
        guard let progress = leadership?.peers[index] else { return }
        // Answers that were overtaken say nothing new.
        switch progress.state {
        case .needsProvision: return
        case .probe: guard prev == progress.next.previous else { return }
        case .replicate: guard prev >= progress.match, prev < progress.next else { return }
        }
        guard let first = runs.first, runs.count <= AppendReply.runsMax, last >= first.first, last <= prev else {
            return effects.note(.malformed(from: progress.peer, "it rejects \(prev) without saying what it has"))
        }
        if prev == progress.match, prev == progress.next.previous, prev > .zero {
            // Trust it less: its share in the commit index may only shrink by that.
            leadership?.peers[index].match = .zero
            effects.note(.confirmedEntriesMissing(progress.peer, confirmed: prev, found: last))
        }
        let floor = leadership?.peers[index].match ?? .zero
        let agreed = log.lastCommon(with: runs, through: last) ?? log.edge(before: first.first)
        guard let agreed = agreed.map({ max($0, floor) }), agreed >= log.base.lsn else {
            return leaveBehind(index, common: max(floor, first.first), &effects)
        }
        leadership?.peers[index].probe(from: agreed.next)
        effects.pump.append(progress.peer)
    }

    private mutating func leaveBehind(_ index: Int, common: LSN, _ effects: inout RaftEffects) {
        leadership?.peers[index].state = .needsProvision
        guard let peer = leadership?.peers[index].peer else { return }
        effects.note(.needsProvision(peer, lastCommon: common, firstKept: log.base.lsn.next))
    }

    /// The log's front is gone: whoever needs it can no longer be fed.
    mutating func noticePeersLeftBehind(_ effects: inout RaftEffects) {
        for (index, peer) in peers.enumerated()
        where peer.state != .needsProvision && peer.next.previous < log.base.lsn {
            leaveBehind(index, common: peer.match, &effects)
        }
    }
}
