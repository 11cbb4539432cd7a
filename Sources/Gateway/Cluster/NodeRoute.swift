import ClusterCore

/// The answer of `GET /cluster/route`: what a proxy without a database of its own must know of this node, from this node itself.
public struct NodeRoute: Sendable, Hashable, Codable {
    public var clusterID: String
    public var number: NodeNumber
    /// The node's name; nil from an older release.
    @OrNull public var node: String?
    public var term: Term
    /// The tenure's word: `primary` takes writes, `replica` follows.
    public var database: String
    /// `host:port` of the database for others; nil for a witness.
    @OrNull public var address: String?
    /// How old the oldest transaction is that the database has not applied; nil when that is not known.
    @OrNull public var lagSeconds: Double?
    /// Of a primary: for so long, from when the request was sent, no other node can have become leader.
    public var leaseMS: UInt64
    /// Why nothing can be written, for people; empty when it can.
    public var reason: String
    /// `host:port` of the HTTP APIs of all members that have one.
    public var members: [String]

    enum CodingKeys: String, CodingKey {
        case number, node, term, database, address, reason, members
        case clusterID = "cluster_id"
        case lagSeconds = "lag_seconds"
        case leaseMS = "lease_ms"
    }

    public init(
        clusterID: String, number: NodeNumber, node: String?, term: Term, database: String, address: String?,
        lagSeconds: Double? = nil, leaseMS: UInt64 = 0, reason: String = "", members: [String] = []
    ) {
        self.clusterID = clusterID
        self.number = number
        self.node = node
        self.term = term
        self.database = database
        self.address = address
        self.lagSeconds = lagSeconds
        self.leaseMS = leaseMS
        self.reason = reason
        self.members = members
    }
}
