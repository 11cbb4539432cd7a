public enum BridgeEvent: Sendable, Hashable {
    case leadership(Standing)
    /// Which endpoint is the best one now; nil when none may be used, with the reason.
    case endpoint(EndpointID?, reason: String)
    case finished(UInt64, BridgeOutcome)
    /// The stream from the source ended.
    case captureLost(reason: String)
    /// The channel on that endpoint is gone or has stopped for a reason that a new start may mend.
    case channelLost(EndpointID, reason: String)
    /// The applier on that endpoint stopped at a transaction that it can't apply. Nothing is skipped.
    case applierStopped(EndpointID, reason: String)
    /// A planned switchover: close, settle, then hand leadership to `target` (nil: whoever is most caught up).
    case stepDown(target: NodeNumber?)
    /// Leadership was not handed over after all.
    case handOverFailed(reason: String)
    /// Another site was made the cluster by force, and the log here and there part at that entry: what this site's cluster holds from there on are
    /// orphans.
    case logDiverged(at: LSN)
    /// An administrator has mended what stopped the applier, or has said that orphans are dealt with: try again.
    case retry
    case stop
}

/// What the runtime has to do, in this order.
public struct BridgeEffects: Sendable, Hashable {
    /// Whether the nodes of the site may take writes; a node that comes back is set likewise. Nil: unchanged.
    public var site: SitePolicy?
    /// Carry this out; it supersedes the order before it.
    public var order: BridgeOrder?
    /// Whether Raft may make this node the leader. Nil: unchanged.
    public var mayLead: Bool?
    /// Give leadership up: this site can't serve.
    public var resign: String?
    /// Hand leadership over: the site is closed and all it wrote is in the log.
    public var handOver: TenureEffects.HandOver?
    /// For the event history.
    public var notes: [BridgeNote] = []

    public init() {}
}

public enum SitePolicy: String, Sendable, Hashable {
    /// As the administrator left it: nothing is known yet.
    case untouched
    /// Takes writes; nodes that come back are opened.
    case open
    /// Takes writes, and is not captured from at the moment: nodes that come back stay as they are until it is, for the site may have
    /// been set back.
    case asFound
    case closed

    public var takesWrites: Bool { self == .open || self == .asFound }
}

/// One line of the event history.
public struct BridgeNote: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        case capturing, captureLost, following, channelLost, applierStopped, promoted, drained, drainFailed, fenced,
            diverged, needsCopy, noEndpoint
    }
    public var kind: Kind
    public var reason: String
}
