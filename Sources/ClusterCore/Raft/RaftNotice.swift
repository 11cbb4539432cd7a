/// What a node does in its cluster at the moment.
public enum RaftRole: String, Sendable, Hashable, Codable {
    case follower
    /// Has not heard from a leader and asks whether an election would succeed.
    case preCandidate
    case candidate
    case leader
}

/// Why a node's role changed.
public enum RoleChangeReason: Sendable, Hashable {
    /// No leader was heard of for an election timeout.
    case electionTimeout
    /// By ``RaftEvent/campaign``.
    case forced
    /// The previous leader asked this node to take over.
    case transferred
    /// A majority said that it would vote, or did.
    case majority
    /// A majority voted for this node although it cannot serve: see ``Raft/isCaretaker``.
    case caretaker
    /// A candidate found no majority before its timeout.
    case noMajority
    /// That node leads the term.
    case leaderAppeared(NodeNumber)
    /// That node's message had a later term.
    case laterTerm(from: NodeNumber)
    /// No majority answered a leader within the minimal election timeout (check-quorum, thesis section 6.2).
    case quorumLost
    /// The leader's own removal, or its change into a member that may not lead, was committed.
    case removed
    /// By ``RaftEvent/stepDown(reason:)``.
    case requested(String)
    /// ``RaftEvent/mayLead(_:)`` said no.
    case mayNotLead
    /// By ``RaftEvent/forceMembership(_:bytes:)``.
    case forcedMembership
    /// By ``RaftEvent/provisioned(through:_:asOf:)``.
    case provisioned
}

/// Why no election was started when it was due or asked for.
public enum ElectionObstacle: Sendable, Hashable {
    /// No member, or one that does not vote; a witness, if it was asked to.
    case notEligible(Role?)
    /// ``RaftEvent/mayLead(_:)`` said no.
    case mayNotLead
    case automaticElectionDisabled
    case alreadyLeader
    /// Committed entries here contradict the cluster's.
    case diverged
    /// The membership was forced elsewhere, and what it is now has not arrived here.
    case superseded
}

/// Why leadership was not handed over.
public enum TransferObstacle: Error, Hashable {
    case notLeader
    /// Not a member that may lead, or this node itself.
    case notEligible(NodeNumber)
    /// Nobody else who may lead was heard from lately.
    case noCandidate
    /// The target's database could not serve.
    case mayNotLead(NodeNumber)
    case alreadyTransferring(to: NodeNumber)
    /// The target did not take over within an election timeout.
    case timedOut
    /// Leadership was lost otherwise.
    case leadershipLost
}

/// What is worth saying: every failover has its reason here, and every one that did not happen.
public enum RaftNotice: Sendable, Hashable {
    case roleChanged(from: RaftRole, to: RaftRole, term: Term, reason: RoleChangeReason)
    /// nil: none is known.
    case leaderChanged(NodeNumber?, term: Term)
    /// This node asks for votes of that term, or whether it would get them.
    case electionStarted(round: Term, isPreVote: Bool)
    case electionNotStarted(ElectionObstacle)
    /// An election timeout went by without a majority. `granted` counts this node.
    case electionStalled(round: Term, isPreVote: Bool, granted: Int, needed: Int, refusals: [NodeNumber: VoteRefusal])
    /// The leader's no-op is committed: all that any earlier leader committed is, and is known here.
    case termEstablished(Term, noOp: LSN)

    /// Effective from now on, though not yet committed.
    case membershipChanged(Membership, at: LSN)
    case membershipCommitted(Membership, at: LSN)
    /// A change that was not committed is gone; this one is in force again.
    case membershipRolledBack(to: Membership, removed: LSN)

    case transferStarted(to: NodeNumber)
    case transferAborted(to: NodeNumber?, TransferObstacle)

    /// The peer needs entries that this leader no longer keeps.
    case needsProvision(NodeNumber, lastCommon: LSN, firstKept: LSN)
    /// The peer's log can be continued again.
    case provisioned(NodeNumber, from: LSN)

    /// The peer denies to have what it confirmed. Unless that is an answer from before it confirmed, its disk lost what it had
    /// promised to keep: the guarantee is one copy short. It is fed again.
    case confirmedEntriesMissing(NodeNumber, confirmed: LSN, found: LSN)

    /// The leader's log contradicts what is committed here, at that LSN. Happens only after
    /// ``RaftEvent/forceMembership(_:bytes:)`` elsewhere, or when a disk lost what it had confirmed. This node takes
    /// no more entries and does not campaign; it has to be provisioned anew.
    case diverged(at: LSN, leader: NodeNumber)
    /// The message makes no sense and was ignored.
    case malformed(from: NodeNumber, String)
}
