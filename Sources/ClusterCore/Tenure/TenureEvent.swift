/// What Raft says of this node, as far as the database is concerned.
public enum Standing: Sendable, Hashable {
    /// No leader is known.
    case unknown(term: Term)
    /// Another node leads. `settled`: an entry of this term is committed here, so the log holds all that earlier terms committed.
    case follower(term: Term, settled: Bool)
    /// This node leads; `noOp` is this term's first entry, and `settled` says that it is committed.
    case leader(term: Term, noOp: LSN, settled: Bool)

    public var term: Term {
        switch self {
        case .unknown(let term), .follower(let term, _), .leader(let term, _, _): term
        }
    }
    var isSettled: Bool {
        switch self {
        case .unknown: false
        case .follower(_, let settled), .leader(_, _, let settled): settled
        }
    }
}

public enum TenureEvent: Sendable, Hashable {
    case leadership(Standing)
    case finished(UInt64, TenureOutcome)
    /// The server process ended, or was found hanging; never by our order.
    case serverLost(reason: String)
    /// The dump connection ended although the server lives.
    case captureLost(reason: String)
    /// The replica channel stopped with an error that a restart doesn't mend by itself.
    case replicaStopped(reason: String)
    /// A commit went through without its quorum's ACK: somebody killed a waiter or switched semi-sync off.
    case guaranteeBroken(reason: String)
    /// A planned switchover: drain, then hand leadership to `target` (nil: the most caught-up voter).
    case stepDown(target: NodeNumber?)
    /// No further orders; a planned end.
    case stop
}

/// What the runtime has to do, in this order.
public struct TenureEffects: Sendable, Hashable {
    /// Carry this out; it supersedes the order before it.
    public var order: TenureOrder?
    /// Whether Raft may make this node the leader. Nil: unchanged.
    public var mayLead: Bool?
    /// Give leadership up, to whomever is most caught up, since this database can't serve.
    public var resign: String?
    /// Hand leadership over: the database is drained.
    public var handOver: HandOver?
    /// For the event history.
    public var notes: [TenureNote] = []

    public init() {}

    public struct HandOver: Sendable, Hashable {
        public var target: NodeNumber?
    }
}

/// One line of the event history: what happened to the database, and why.
public struct TenureNote: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        case started, adopted, lost, fenced, following, promoted, promotionFailed, drained, drainFailed, diverged,
            needsProvision, guaranteeBroken
    }
    public var kind: Kind
    public var reason: String
}
