/// What is committed (Raft, sections 5.3 and 5.4).
extension Raft {
    /// Commits what a majority of the voters has on disk, if it is of this leader's own term (figure 8).
    mutating func advanceCommit(_ now: Instant, _ effects: inout RaftEffects) {
        guard let majority = majorityMatch(), majority > committed, log.term(at: majority) == term else { return }
        let wasEstablished = noOpCommitted
        setCommitted(majority, &effects)
        if !wasEstablished, noOpCommitted, let noOp = leadership?.noOp {
            effects.note(.termEstablished(term, noOp: noOp))
        }
        leadership?.commitPushPending = true
        pushCommit(now, &effects)
        if ownRole?.votes != true, membershipLSN <= committed {
            becomeFollower(reason: .removed, now, &effects)
        }
    }

    /// The highest LSN that a majority of the voters has on disk, this leader only if it is one.
    private mutating func majorityMatch() -> LSN? {
        guard var matches = leadership?.scratch else { return nil }
        leadership?.scratch = []
        matches.removeAll(keepingCapacity: true)
        if ownRole?.votes == true { matches.append(durable.rawValue) }
        for peer in peers where peer.votes { matches.append(peer.match.rawValue) }
        matches.sort(by: >)
        let majority = matches.count / 2
        let match = matches.isEmpty ? nil : LSN(matches[majority])
        leadership?.scratch = matches
        return match
    }

    mutating func setCommitted(_ lsn: LSN, _ effects: inout RaftEffects) {
        let pending = membershipLSN > committed
        committed = lsn
        effects.committed = lsn
        memberships.commit(through: lsn)
        if pending, membershipLSN <= lsn { effects.note(.membershipCommitted(membership, at: membershipLSN)) }
    }

    /// Lets idle followers know the commit index; busy ones hear it with their next append.
    mutating func pushCommit(_ now: Instant, _ effects: inout RaftEffects) {
        guard let leadership, leadership.commitPushPending,
            now.nanoseconds(since: leadership.commitPushedAt) >= timing.commitPush
        else { return }
        self.leadership?.commitPushPending = false
        self.leadership?.commitPushedAt = now
        for (index, peer) in leadership.peers.enumerated()
        where peer.state == .replicate && peer.commitTold < committed {
            self.leadership?.peers[index].owesCommit = true
            effects.pump.append(peer.peer)
        }
    }

    /// When idle followers are to be told the commit index: a tick then does it. Nil when there is nothing to tell.
    public var commitPushDue: Instant? {
        guard let leadership, leadership.commitPushPending else { return nil }
        return leadership.commitPushedAt.advanced(byNanoseconds: timing.commitPush)
    }
}
