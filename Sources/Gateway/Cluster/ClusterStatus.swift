import ClusterCore

/// The answer of `GET /cluster`; `GET /cluster/nodes` is ``members`` alone.
public struct ClusterStatus: Sendable, Hashable, Codable {
    /// The leader's `node.id`.
    @OrNull public var leaderID: String?
    public var term: Term
    public var members: [MemberStatus]

    enum CodingKeys: String, CodingKey {
        case leaderID = "leader_id"
        case term, members
    }

    public init(leaderID: String?, term: Term, members: [MemberStatus]) {
        self.leaderID = leaderID
        self.term = term
        self.members = members
    }
}

public enum MemberState: String, Sendable, Hashable, Codable, CaseIterable {
    case active
    case lagging
    case syncing
    case joining
    case offline
    case needsProvision = "needs_provision"
    case diverged
}

public struct MemberStatus: Sendable, Hashable, Codable {
    public var id: String
    public var number: NodeNumber
    public var role: Role
    public var site: String
    /// `host:port` of the peer listener.
    public var address: String
    /// `host:port` of the HTTP API; empty when it is switched off.
    public var api: String
    public var state: MemberState
    /// What the leader knows to be durable there; nil when this node does not know.
    @OrNull public var matchLSN: LSN?
    @OrNull public var appliedLSN: LSN?
    /// Milliseconds since this node heard of it; nil when never.
    @OrNull public var lastContactMS: UInt64?

    enum CodingKeys: String, CodingKey {
        case id, number, role, site, address, api, state
        case matchLSN = "match_lsn"
        case appliedLSN = "applied_lsn"
        case lastContactMS = "last_contact_ms"
    }

    public init(
        id: String, number: NodeNumber, role: Role, site: String, address: String, api: String, state: MemberState,
        matchLSN: LSN? = nil, appliedLSN: LSN? = nil, lastContactMS: UInt64? = nil
    ) {
        self.id = id
        self.number = number
        self.role = role
        self.site = site
        self.address = address
        self.api = api
        self.state = state
        self.matchLSN = matchLSN
        self.appliedLSN = appliedLSN
        self.lastContactMS = lastContactMS
    }

    public init(
        _ member: Member, state: MemberState, matchLSN: LSN? = nil, appliedLSN: LSN? = nil, lastContactMS: UInt64? = nil
    ) {
        self.init(
            id: member.id, number: member.number, role: member.role, site: member.site, address: member.address,
            api: member.api, state: state, matchLSN: matchLSN, appliedLSN: appliedLSN, lastContactMS: lastContactMS)
    }
}
