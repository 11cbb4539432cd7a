/// Which Galera cluster a bridge's member stands beside, noted in the membership when it joins.
public struct GaleraIdentity: Sendable, Hashable, Codable {
    /// `wsrep_cluster_state_uuid`: a rebuilt cluster has another one.
    public var stateID: String
    /// `wsrep_gtid_domain_id`: the domain of what this cluster itself writes.
    public var domain: UInt32
    /// `gtid_binlog_state` when it joined. What lies at or before it is not in the log and is not expected there.
    public var baseline: String
    /// Orphans that an administrator has dealt with, in the same form: this cluster alone has them, and they are never shipped.
    public var accepted: String?

    public init(stateID: String, domain: UInt32, baseline: String, accepted: String? = nil) {
        self.stateID = stateID
        self.domain = domain
        self.baseline = baseline
        self.accepted = accepted
    }

    public var baselineState: GTIDState { GTIDState(baseline) ?? GTIDState() }
    public var acceptedState: GTIDState { accepted.flatMap { GTIDState($0) } ?? GTIDState() }
}

extension Membership {
    /// What the clusters of all members held before the log began to carry their writes: each must have it.
    public var galeraBaseline: GTIDState {
        var state = GTIDState()
        for member in members { if let galera = member.galera { state.advance(to: galera.baselineState) } }
        return state
    }

    /// What need not be in the log: the baselines, and accepted orphans.
    public var galeraKnown: GTIDState {
        var state = galeraBaseline
        for member in members { if let galera = member.galera { state.advance(to: galera.acceptedState) } }
        return state
    }
}
