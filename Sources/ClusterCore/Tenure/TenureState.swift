/// What the local database is, and how far it is on its way.
public enum TenureState: Sendable, Hashable {
    /// No server is running, or none that answers. It is started again after a while.
    case down(reason: String)
    /// Being started: as SLAVE, read-only, no replica threads, no events (MDEV-33465: its un-ACKed tail is cut).
    case starting
    /// Running and read-only; nothing is known yet of how its history relates to the log.
    case recovering
    /// Found running as a primary after the agent came back. Commits wait in it; leadership decides what becomes of it.
    case adopted
    /// Fed by the log.
    case replica
    /// On the way to primary, at one of the steps.
    case promoting(PromotionStep, term: Term)
    /// Writable; each commit waits for its quorum.
    case primary(term: Term)
    /// On the way down by plan, at one of the steps.
    case draining(DrainStep, term: Term, target: NodeNumber?)
    /// Being killed, since commits may be waiting in it.
    case fencing(reason: String)
    /// Holds transactions that the log has not: kept aside, read-only, fed no further.
    case diverged(reason: String)
    /// The log no longer reaches back to where the database stands: it needs a fresh copy.
    case needsProvision(reason: String)
    /// Told to end: no further action is taken.
    case stopped

    /// The word for `/status`, as in the design's list of states.
    public var name: String {
        switch self {
        case .down, .starting: "down"
        case .recovering, .adopted: "recovering"
        case .replica: "replica"
        case .promoting: "promoting"
        case .primary: "primary"
        case .draining: "draining"
        case .fencing: "fencing"
        case .diverged: "diverged"
        case .needsProvision: "provisioning"
        case .stopped: "down"
        }
    }
}

/// The steps to a writable database, in the order that I3 asks for.
public enum PromotionStep: Sendable, Hashable {
    /// Everything before this term's no-op is applied.
    case applying
    /// The replica channel is stopped and taken away.
    case unfollowing
    /// Semi-sync is switched on, so that from here a commit waits.
    case holding
    /// Our dump connection is attached, and it is the one that commits wait for.
    case attaching
    /// `read_only` is switched off.
    case opening
}

/// The steps of a planned step-down. Nothing is killed; nothing is lost.
public enum DrainStep: Sendable, Hashable {
    /// `read_only` is switched on.
    case closing
    /// What was under way is committed by its quorum, and no session waits.
    case settling
    /// Semi-sync is switched off and the dump connection closed.
    case releasing
    /// Writes are let in again, since the drain could not finish.
    case reopening
}
