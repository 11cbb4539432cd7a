/// What nodes say to each other. Everything but ``append(_:)`` is small and belongs on the control connection; appends
/// follow the bulk, so heartbeats and answers may overtake them.
///
/// Any message may come late, twice, out of order or not at all.
public enum RaftMessage: Sendable, Hashable {
    case voteRequest(VoteRequest)
    case voteReply(VoteReply)
    case append(AppendEntries)
    case appendReply(AppendReply)
    case heartbeat(Heartbeat)
    case heartbeatReply(HeartbeatReply)
    case timeoutNow(TimeoutNow)

    /// Whether it goes with the bulk of the log.
    public var isBulk: Bool {
        switch self {
        case .append: true
        case .voteRequest, .voteReply, .appendReply, .heartbeat, .heartbeatReply, .timeoutNow: false
        }
    }
}

/// RequestVote (Raft, section 5.2), or the question whether it would be answered with yes (thesis, section 9.6).
public struct VoteRequest: Sendable, Hashable {
    /// The term that the vote is for. Of a pre-vote: one above the asker's term, in which no election has begun yet.
    public var round: Term
    public var isPreVote: Bool
    /// The end of the candidate's log.
    public var last: LogPosition
    /// Set when the leader itself, or an operator, wants this election: then nobody refuses for a live leader's sake
    /// (thesis, section 4.2.3).
    public var overridesLeader: Bool

    public init(round: Term, isPreVote: Bool, last: LogPosition, overridesLeader: Bool) {
        self.round = round
        self.isPreVote = isPreVote
        self.last = last
        self.overridesLeader = overridesLeader
    }
}

/// Why a vote was not given.
public enum VoteRefusal: UInt8, Sendable, Hashable, CaseIterable {
    /// The voter heard from a leader within the minimal election timeout, or leads itself.
    case leaderIsAlive = 1
    /// The candidate's log ends before the voter's.
    case logIsBehind = 2
    /// The voter gave its vote of that term to another.
    case votedForAnother = 3
    /// The voter has seen a later term.
    case termIsOver = 4
}

public struct VoteReply: Sendable, Hashable {
    /// The voter's own term, after it took the request in.
    public var term: Term
    /// What was asked for.
    public var round: Term
    public var isPreVote: Bool
    /// nil when the vote is given.
    public var refusal: VoteRefusal?

    public init(term: Term, round: Term, isPreVote: Bool, refusal: VoteRefusal?) {
        self.term = term
        self.round = round
        self.isPreVote = isPreVote
        self.refusal = refusal
    }
}

/// AppendEntries (Raft, section 5.3). Without batches it asks whether the logs agree at `prev`, and tells the commit index.
public struct AppendEntries: Sendable, Hashable {
    /// The leader's.
    public var term: Term
    /// The entry before the first batch.
    public var prev: LogPosition
    /// Consecutive. Their payloads travel beside this message, in the same order.
    public var batches: [BatchDescriptor]
    /// The leader's commit index, which may lie beyond what this message carries.
    public var commit: LSN

    public init(term: Term, prev: LogPosition, batches: [BatchDescriptor], commit: LSN) {
        self.term = term
        self.prev = prev
        self.batches = batches
        self.commit = commit
    }
}

public struct AppendReply: Sendable, Hashable {
    public enum Verdict: Sendable, Hashable {
        /// The logs are equal up to `received`, of which everything up to `durable` is on the follower's disk.
        case accepted(durable: LSN, received: LSN)
        /// The logs differ at `prev`, or the follower's ends before it. `runs` tell its terms from its commit index to
        /// `last`, which is not beyond `prev`; if there are more than ``runsMax``, the latest. So one answer is enough to
        /// find where the logs part, and it is always at the edge of a batch.
        case rejected(prev: LSN, runs: [TermRun], last: LSN)
    }

    /// The most runs that a rejection carries.
    public static let runsMax = 64

    /// The follower's.
    public var term: Term
    public var verdict: Verdict

    public init(term: Term, verdict: Verdict) {
        self.term = term
        self.verdict = verdict
    }
}

/// Keeps the followers from electing another, and tells them the commit index.
public struct Heartbeat: Sendable, Hashable {
    public var term: Term
    /// Not beyond what the leader knows to be durable at this follower.
    public var commit: LSN
    /// The leader's clock when it sent this; comes back in the answer.
    public var sentAt: Instant

    public init(term: Term, commit: LSN, sentAt: Instant) {
        self.term = term
        self.commit = commit
        self.sentAt = sentAt
    }
}

public struct HeartbeatReply: Sendable, Hashable {
    /// The follower's.
    public var term: Term
    /// ``Heartbeat/sentAt`` of the heartbeat that this answers.
    public var sentAt: Instant
    /// As in ``AppendReply/Verdict/accepted(durable:received:)``: heals answers that were lost.
    public var durable: LSN
    public var received: LSN
    /// Whether the follower's database could serve, were it to take over.
    public var mayLead: Bool

    public init(term: Term, sentAt: Instant, durable: LSN, received: LSN, mayLead: Bool) {
        self.term = term
        self.sentAt = sentAt
        self.durable = durable
        self.received = received
        self.mayLead = mayLead
    }
}

/// The leader asks this node, whose log is complete, to take over (thesis, section 3.10).
public struct TimeoutNow: Sendable, Hashable {
    public var term: Term

    public init(term: Term) { self.term = term }
}
