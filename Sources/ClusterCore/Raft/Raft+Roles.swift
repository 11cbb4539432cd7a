/// What a node remembers of the term's leader, whatever its role.
struct FollowerState: Sendable {
    /// The log is equal to the leader's up to here. Where it starts in a term: ``Raft/sharedWithEveryLeader``.
    var matched: LSN
    /// The leader's commit index, as far as heard.
    var leaderCommit: LSN = .zero
    /// When a leader of this term was last heard of.
    var leaderContact: Instant?

    init(matched: LSN, leaderContact: Instant?) {
        self.matched = matched
        self.leaderContact = leaderContact
    }
}

/// A vote, or a pre-vote, in progress.
struct Election: Sendable {
    enum Kind: Sendable { case timeout, forced, transfer }

    let kind: Kind
    /// The term that is asked for.
    let round: Term
    let isPreVote: Bool
    /// This node included.
    var granted: [NodeNumber]
    var refusals: [NodeNumber: VoteRefusal] = [:]
    /// When those that did not grant it are asked again.
    var askAgainAt: Instant

    var overridesLeader: Bool { kind != .timeout }
}

/// A leader's own state.
struct Leadership: Sendable {
    struct Transfer: Sendable {
        let target: NodeNumber
        let deadline: Instant
    }

    /// In the order of their numbers, without the leader.
    var peers: [PeerProgress]
    /// The first entry of the term.
    let noOp: LSN
    var heartbeatDue: Instant
    /// When idle followers were last told the commit index.
    var commitPushedAt = Instant.zero
    var commitPushPending = false
    var transfer: Transfer?
    /// Kept to be sorted in, so that counting allocates nothing.
    var scratch: [UInt64] = []
}

extension Raft {
    /// What the leader of the present term has, whoever it is: all that is committed (leader completeness, Raft section 5.4.3). In an
    /// era from which the log has no entry yet, nothing: a survivor that was made the cluster by force may lack what was committed here.
    var sharedWithEveryLeader: LSN { log.lastTerm.era == term.era ? committed : .zero }

    /// Enters a later term that `peer` is in.
    mutating func adopt(
        _ term: Term, from peer: NodeNumber, leader: NodeNumber?, _ now: Instant, _ effects: inout RaftEffects
    ) {
        let wasAsking = role == .preCandidate
        setHardState(HardState(term: term), &effects)
        becomeFollower(reason: .laterTerm(from: peer), now, &effects)
        follower = FollowerState(matched: sharedWithEveryLeader, leaderContact: nil)
        if let leader { follow(leader, now, &effects) } else if wasAsking { electionDeadline = now }
    }

    /// Falls back to follower in the present term, with no leader known.
    mutating func becomeFollower(reason: RoleChangeReason, _ now: Instant, _ effects: inout RaftEffects) {
        if let target = transferTarget, reason != .laterTerm(from: target) {
            effects.note(.transferAborted(to: target, .leadershipLost))
        }
        if role == .leader {
            follower = FollowerState(matched: sharedWithEveryLeader, leaderContact: nil)
        }
        leadership = nil
        election = nil
        if role != .follower {
            changeRole(to: .follower, reason: reason, &effects)
            resetElectionDeadline(now)
        }
        setLeader(nil, &effects)
    }

    /// The leader of the present term has been heard of.
    mutating func follow(_ peer: NodeNumber, _ now: Instant, _ effects: inout RaftEffects) {
        if role != .follower { becomeFollower(reason: .leaderAppeared(peer), now, &effects) }
        setLeader(peer, &effects)
        follower.leaderContact = now
        resetElectionDeadline(now)
    }

    mutating func becomeLeader(_ kind: Election.Kind, _ now: Instant, _ effects: inout RaftEffects) {
        let reason: RoleChangeReason = !canServe ? .caretaker : kind == .transfer ? .transferred : .majority
        lead(firstEntry: appendOwn(count: 1, bytes: 0, membership: nil), reason: reason, now, &effects)
    }

    /// Starts to lead the present term, whose first entry has just been added to the log.
    mutating func lead(
        firstEntry: BatchDescriptor, reason: RoleChangeReason, _ now: Instant, _ effects: inout RaftEffects
    ) {
        election = nil
        follower.leaderContact = nil
        let others = membership.members.filter { $0.number != node }
        let peers = others.map {
            PeerProgress(peer: $0.number, votes: $0.role.votes, next: firstEntry.first, now: now)
        }
        leadership = Leadership(peers: peers, noOp: firstEntry.first, heartbeatDue: now)
        changeRole(to: .leader, reason: reason, &effects)
        setLeader(node, &effects)
        effects.append = firstEntry
        effects.pump = others.map(\.number)
        tickLeader(now, &effects)
    }

    mutating func setHardState(_ state: HardState, _ effects: inout RaftEffects) {
        hardState = state
        effects.hardState = state
    }

    mutating func setLeader(_ new: NodeNumber?, _ effects: inout RaftEffects) {
        guard leader != new else { return }
        leader = new
        effects.note(.leaderChanged(new, term: term))
    }

    mutating func changeRole(to new: RaftRole, reason: RoleChangeReason, _ effects: inout RaftEffects) {
        guard role != new else { return }
        effects.note(.roleChanged(from: role, to: new, term: term, reason: reason))
        role = new
    }
}
