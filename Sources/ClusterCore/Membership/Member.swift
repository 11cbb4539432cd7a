/// What a member is to the cluster.
public enum Role: String, Sendable, Hashable, Codable, CaseIterable {
    /// Votes and has a database.
    case voter
    /// Votes and keeps the log, has no database and never leads.
    case witness
    /// Has a database, does not vote.
    case learner

    public var votes: Bool {
        switch self {
        case .voter, .witness: true
        case .learner: false
        }
    }
    public var mayLead: Bool { self == .voter }
    public var hasDatabase: Bool { self != .witness }
}

/// One member of the cluster, as the replicated log knows it.
public struct Member: Sendable, Hashable, Codable {
    /// The configured `node.id`.
    public var id: String
    public var number: NodeNumber
    public var role: Role
    public var site: String
    /// `host:port` of the peer listener.
    public var address: String
    /// `host:port` of the HTTP API; empty when it is switched off.
    public var api: String
    /// A learner that becomes a voter, or a witness, once it has caught up.
    public var promoteTo: Role?
    /// The Galera cluster that it stands beside, for a member of a bridge.
    public var galera: GaleraIdentity?
    /// A bridge's learner that votes only while the leadership changes sites.
    public var voteIsLent: Bool?

    public init(
        id: String, number: NodeNumber, role: Role, site: String = "", address: String, api: String = "",
        promoteTo: Role? = nil, galera: GaleraIdentity? = nil
    ) {
        self.id = id
        self.number = number
        self.role = role
        self.site = site
        self.address = address
        self.api = api
        self.promoteTo = promoteTo
        self.galera = galera
    }
}
