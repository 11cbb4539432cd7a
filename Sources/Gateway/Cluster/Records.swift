import ClusterCore

/// Something that happened and why: an election, a failover, an endpoint's change. `GET /events` lists them.
public struct EventRecord: Sendable, Hashable, Codable {
    /// RFC 3339, UTC.
    public var time: String
    /// A word to filter by, as `leader_elected`.
    public var kind: String
    /// A sentence with the reason.
    public var message: String
    @OrNull public var term: Term?
    @OrNull public var lsn: LSN?

    public init(time: String, kind: String, message: String, term: Term? = nil, lsn: LSN? = nil) {
        self.time = time
        self.kind = kind
        self.message = message
        self.term = term
        self.lsn = lsn
    }
}

/// Transactions that a database had and the committed log has not: exported, never dropped without a word.
public struct OrphanRecord: Sendable, Hashable, Codable {
    /// The first and the last, or the only one.
    public var gtids: String
    public var transactions: Int
    /// Readable SQL.
    public var sqlFile: String
    /// RFC 3339, UTC.
    public var exportedAt: String

    enum CodingKeys: String, CodingKey {
        case gtids, transactions
        case sqlFile = "sql_file"
        case exportedAt = "exported_at"
    }

    public init(gtids: String, transactions: Int, sqlFile: String, exportedAt: String) {
        self.gtids = gtids
        self.transactions = transactions
        self.sqlFile = sqlFile
        self.exportedAt = exportedAt
    }
}

/// Whether this node does its job: a leader serves writes, a follower follows, a witness keeps the log.
public enum Health: Sendable, Hashable {
    case ok
    case failing(reason: String)
}

/// One Galera node as the bridge sees it, for `GET /health/galera`.
public struct EndpointHealth: Sendable, Hashable, Codable {
    /// `host:port`
    public var endpoint: String
    public var healthy: Bool
    /// Whether the bridge feeds from it, or is fed into it, now.
    public var inUse: Bool
    /// Why it is not healthy.
    @OrNull public var reason: String?

    enum CodingKeys: String, CodingKey {
        case endpoint, healthy, reason
        case inUse = "in_use"
    }

    public init(endpoint: String, healthy: Bool, inUse: Bool, reason: String? = nil) {
        self.endpoint = endpoint
        self.healthy = healthy
        self.inUse = inUse
        self.reason = reason
    }
}
