/// What this site is to the bridge, and how far it is on its way.
public enum BridgeState: Sendable, Hashable {
    /// It is not known yet who leads, or no endpoint may be used; nothing is touched.
    case waiting
    /// Fed by the log, or on the way there.
    case following(FollowStep)
    /// Leads, and is on the way to being the source.
    case promoting(SitePromotionStep, term: Term)
    /// Takes writes; they are captured.
    case sourcing(SourceStep, term: Term)
    /// On the way down by plan.
    case draining(SiteDrainStep, term: Term, target: NodeNumber?)
    /// Being set read-only, or so and waiting, because it no longer leads and nobody is known to.
    case fenced(reason: String)
    /// Holds transactions that the log has not: read-only, fed no further, exported.
    case diverged(reason: String)
    /// Lacks what the log can't give it: needs a fresh copy of the data.
    case needsCopy(reason: String)
    case stopped

    /// The word for `/status`; the same words as a tenure's.
    public var name: String {
        switch self {
        case .waiting: "recovering"
        case .following(.running): "replica"
        case .following(.faulted): "faulted"
        case .following: "recovering"
        case .promoting: "promoting"
        case .sourcing: "primary"
        case .draining: "draining"
        case .fenced: "fencing"
        case .diverged: "diverged"
        case .needsCopy: "provisioning"
        case .stopped: "down"
        }
    }

    /// Whether transactions flow, from or into the site.
    public var isRunning: Bool {
        switch self {
        case .following(.running), .sourcing(.running, _): true
        case .waiting, .following, .promoting, .sourcing, .draining, .fenced, .diverged, .needsCopy, .stopped: false
        }
    }

    /// Why it does not do its part; nil when it does, or is about to.
    public var trouble: String? {
        switch self {
        case .following(.faulted(_, let reason)), .following(.searching(let reason)), .fenced(let reason),
            .diverged(let reason), .needsCopy(let reason), .sourcing(.searching(let reason), _):
            reason
        case .waiting, .following, .promoting, .sourcing, .draining, .stopped: nil
        }
    }
}

/// The steps to a site that is fed. The first two only on the way from something else.
public enum FollowStep: Sendable, Hashable {
    /// `read_only` is switched on at every node.
    case closing
    /// Its history is compared with the log.
    case comparing(EndpointID)
    /// No channel of an earlier holder may be left.
    case clearing(EndpointID)
    case starting(EndpointID)
    case running(EndpointID)
    /// The applier stopped at a transaction; an administrator decides.
    case faulted(EndpointID, reason: String)
    /// No endpoint may be used, or the last attempt failed and the next one waits.
    case searching(reason: String)

    var endpoint: EndpointID? {
        switch self {
        case .comparing(let id), .clearing(let id), .starting(let id), .running(let id), .faulted(let id, _): id
        case .closing, .searching: nil
        }
    }
}

/// The steps to a site that is the source.
public enum SitePromotionStep: Sendable, Hashable {
    /// Whether it holds all that the log has committed.
    case comparing(EndpointID)
    /// What was committed before this term is applied.
    case applying(EndpointID)
    /// No channel may be left that writes into it.
    case clearing
    /// The capture is attached.
    case connecting(EndpointID)
    /// `read_only` is switched off.
    case opening(EndpointID)
}

public enum SourceStep: Sendable, Hashable {
    case connecting(EndpointID)
    case running(EndpointID)
    case searching(reason: String)
}

public enum SiteDrainStep: Sendable, Hashable {
    /// `read_only` is switched on at every node.
    case closing(EndpointID)
    /// All that was written is captured and committed.
    case settling(EndpointID)
    /// Leadership is on its way to the other site.
    case handingOver(EndpointID)
    /// Writes are let in again, since it could not finish.
    case reopening(EndpointID)
}
