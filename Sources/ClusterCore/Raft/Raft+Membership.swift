/// Membership changes, one voter at a time, in force as soon as they are in the log (thesis, section 4.1).
extension Raft {
    /// Puts a membership change into the log. `effects.append` is its batch; `bytes` the size of its payload.
    public mutating func propose(_ membership: Membership, bytes: Int, now: Instant) throws(ProposeError)
        -> RaftEffects
    {
        try checkProposable()
        guard noOpCommitted else { throw .termNotEstablished }
        guard membershipLSN <= committed else { throw .membershipChangePending(membershipLSN) }
        guard membership.isOneStep(from: self.membership) else { throw .notOneStep }
        guard membership.members.contains(where: \.role.mayLead) else { throw .noVoter }
        var effects = RaftEffects()
        effects.append = appendOwn(count: 1, bytes: bytes, membership: membership)
        enter(membership, at: log.last, &effects)
        updatePeers(now, &effects)
        return effects
    }

    mutating func enter(_ membership: Membership, at lsn: LSN, _ effects: inout RaftEffects) {
        let position = LogPosition(lsn: lsn, term: log.term(at: lsn) ?? term)
        memberships.append(MembershipRecord(position: position, membership: membership))
        effects.note(.membershipChanged(membership, at: lsn))
    }

    /// Feeds whom the present membership names, and counts its voters.
    private mutating func updatePeers(_ now: Instant, _ effects: inout RaftEffects) {
        guard let old = leadership?.peers else { return }
        let peers = membership.members.filter { $0.number != node }.map { member in
            var peer =
                old.first { $0.peer == member.number }
                ?? PeerProgress(peer: member.number, votes: false, next: log.last, now: now)
            peer.votes = member.role.votes
            return peer
        }
        leadership?.peers = peers
        effects.pump.append(contentsOf: peers.map(\.peer))
    }

    /// What this node is to the cluster while its removal, or its change into another role, is not committed: until then it
    /// may be needed as a leader that commits it (thesis, section 4.2.2).
    var roleForElection: Role? {
        if let role = ownRole, role.votes { return role }
        guard membershipLSN > committed else { return ownRole }
        return memberships.previous?[node]?.role ?? ownRole
    }

    /// Unsafe recovery: see ``RaftEvent/forceMembership(_:bytes:)``.
    mutating func forceMembership(
        _ membership: Membership, bytes: Int, _ now: Instant, _ effects: inout RaftEffects
    ) {
        precondition(
            membership.voters.map(\.number) == [node] && membership[node]?.role.mayLead == true,
            "only a node that is the sole voter can be the cluster by itself")
        if role != .follower { becomeFollower(reason: .forcedMembership, now, &effects) }
        setHardState(HardState(term: term.nextEra, votedFor: node), &effects)
        let batch = appendOwn(count: 1, bytes: bytes, membership: membership)
        enter(membership, at: batch.first, &effects)
        lead(firstEntry: batch, reason: .forcedMembership, now, &effects)
    }
}
