import ClusterCore

/// What an endpoint is good for.
public enum EndpointVerdict: String, Sendable, Hashable, Codable, CaseIterable {
    case healthy
    /// In its cluster and in sync, but under strain.
    case degraded
    /// Gives its state to another node: the last resort.
    case donor
    /// Takes its state from another node, or catches up.
    case joining
    /// Out of flow control, and perhaps far behind: the last resort.
    case desynced
    /// Outside the primary component, or in an older view of the cluster than others are.
    case nonPrimary = "non-primary"
    /// Refuses queries by its configuration.
    case rejecting
    case unreachable
    /// Of another cluster than this site's, or of none.
    case mismatched

    /// Higher is better; nil must not be used at all.
    var rank: Int? {
        switch self {
        case .healthy: 3
        case .degraded: 2
        case .donor, .desynced: 1
        case .joining, .nonPrimary, .rejecting, .unreachable, .mismatched: nil
        }
    }

    /// Whether one look is enough to believe it: what says so can't be a passing moment of a node that is all right.
    fileprivate var isCertain: Bool {
        switch self {
        case .nonPrimary, .rejecting, .mismatched, .joining: true
        case .healthy, .degraded, .donor, .desynced, .unreachable: false
        }
    }
}

/// A verdict and why.
public struct EndpointAssessment: Sendable, Hashable {
    public var verdict: EndpointVerdict
    /// A sentence; empty for a healthy one.
    public var reason: String
    /// Whether one look is enough to believe it.
    public var isCertain: Bool

    public init(_ verdict: EndpointVerdict, _ reason: String = "", isCertain: Bool? = nil) {
        self.verdict = verdict
        self.reason = reason
        self.isCertain = isCertain ?? verdict.isCertain
    }

    /// From one look.
    /// - Parameters:
    ///   - expected: the cluster that this site is known to be; nil when that is not known yet.
    ///   - newestConfID: the highest `wsrep_cluster_conf_id` that any endpoint of this cluster has shown lately.
    public init(_ seen: GaleraObservation, expected: GaleraIdentity?, newestConfID: UInt64 = 0) {
        self = Self.assess(seen, expected, newestConfID)
    }

    /// Above so many write sets waiting to be applied, a node counts as degraded.
    static let receiveQueueMax = 1_000

    private static func assess(_ seen: GaleraObservation, _ expected: GaleraIdentity?, _ newest: UInt64) -> Self {
        if let expected, seen.isPrimaryComponent || seen.localState > 0 {
            let unknown = "00000000-0000-0000-0000-000000000000"
            if seen.stateID != expected.stateID, seen.stateID != unknown, !seen.stateID.isEmpty {
                return Self(
                    .mismatched, "it belongs to the cluster \(seen.stateID), and this site is \(expected.stateID)")
            }
            if seen.domain != expected.domain {
                return Self(
                    .mismatched,
                    "its wsrep_gtid_domain_id is \(seen.domain), and this site's is \(expected.domain); SET GLOBAL "
                        + "wsrep_gtid_domain_id=\(expected.domain), and put it into its configuration")
            }
        }
        guard seen.isConnected, seen.isPrimaryComponent else {
            return Self(.nonPrimary, "it is not in the primary component (\(seen.clusterStatus))")
        }
        if seen.confID < newest, newest != .max {
            // Perhaps it was only looked at a moment earlier than they.
            return Self(
                .nonPrimary, "its view of the cluster (\(seen.confID)) is older than that of others (\(newest))",
                isCertain: false)
        }
        if seen.rejectsQueries != "NONE" {
            return Self(.rejecting, "wsrep_reject_queries is \(seen.rejectsQueries)")
        }
        if seen.localState == 2 {
            if seen.isDesynced { return Self(.desynced, "wsrep_desync is ON") }
            if seen.donorRejectsQueries { return Self(.rejecting, "it is a donor, and donors reject queries here") }
            return Self(.donor, "it gives its state to another node")
        }
        if seen.localState != 4 || !seen.isReady {
            return Self(.joining, "it is \(seen.localStateComment.isEmpty ? "starting" : seen.localStateComment)")
        }
        if seen.isDesynced { return Self(.desynced, "wsrep_desync is ON") }
        if seen.receiveQueue > receiveQueueMax {
            return Self(.degraded, "\(seen.receiveQueue) write sets wait to be applied")
        }
        return Self(.healthy)
    }
}
