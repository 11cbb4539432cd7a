import ClusterCore
import MariaDBClient

/// From where this node can read now.
public struct ReadPlaces: Sendable {
    /// This node's database; nil when it is not fit: not running, or further behind than `proxy.max_staleness_seconds`.
    public var here: SQLPool?
    /// Whether `here` is the leader's.
    public var leads: Bool
    /// The leader's API, when that is another node.
    public var leader: ForwardTarget?
    /// Why there is no leader to read from.
    public var reason: String

    public init(here: SQLPool? = nil, leads: Bool = false, leader: ForwardTarget? = nil, reason: String = "") {
        self.here = here
        self.leads = leads
        self.leader = leader
        self.reason = reason
    }
}

/// Where one query goes: the proxy's rules, for a request instead of a session. Pure.
enum QueryPlace: Hashable {
    /// At this node's database, which must have reached `waitingFor`; else at the leader's.
    case here(waitingFor: GTIDPosition?)
    case leader
    case nowhere

    struct Offer: Hashable {
        var isReadableHere: Bool
        var leadsHere: Bool
        var hasLeaderElsewhere: Bool
        /// `proxy.stale_reads`: whether replicas are read while there is no leader.
        var allowsStaleReads: Bool
    }

    init(_ route: StatementRoute, _ consistency: ReadConsistency, after: GTIDPosition, _ offer: Offer) {
        // The leader's database has everything that was ever confirmed.
        if offer.leadsHere, offer.isReadableHere {
            self = .here(waitingFor: nil)
            return
        }
        let mayStay: Bool =
            switch route {
            case .replica: true
            case .anywhere: !offer.hasLeaderElsewhere
            case .asBefore, .leader: false
            }
        if mayStay, consistency != .leader, offer.isReadableHere, offer.hasLeaderElsewhere || offer.allowsStaleReads {
            self = .here(waitingFor: consistency == .causal && !after.isEmpty ? after : nil)
        } else {
            self = offer.hasLeaderElsewhere ? .leader : .nowhere
        }
    }
}
