import ClusterCore

/// The answer of `GET /status`.
public struct NodeStatus: Sendable, Hashable, Codable {
    public var node: Node
    public var cluster: Cluster
    public var raft: Raft
    public var log: Log
    public var database: Database
    public var lag: Lag
    /// Of the agent.
    public var version: String
    /// What someone should look at, one sentence each.
    public var warnings: [String]
    /// The last few, the newest first.
    public var events: [EventRecord]
    /// Transactions that this node's database had and the committed log has not.
    public var orphans: [OrphanRecord]
    /// The lines to the other members.
    public var links: [LinkRecord]
    /// Only while this node is far behind the leader's log.
    @OrNull public var catchUp: CatchUp?
    /// Nil from an agent that does not say.
    @OrNull public var tls: TLS?
    /// Only of a bridge between Galera clusters.
    @OrNull public var bridge: BridgeStatus?

    enum CodingKeys: String, CodingKey {
        case node, cluster, raft, log, database, lag, version, warnings, events, orphans, links, tls, bridge
        case catchUp = "catch_up"
    }

    public init(
        node: Node, cluster: Cluster, raft: Raft, log: Log, database: Database, lag: Lag, version: String,
        warnings: [String] = [], events: [EventRecord] = [], orphans: [OrphanRecord] = [], links: [LinkRecord] = [],
        catchUp: CatchUp? = nil, tls: TLS? = nil, bridge: BridgeStatus? = nil
    ) {
        self.node = node
        self.cluster = cluster
        self.raft = raft
        self.log = log
        self.database = database
        self.lag = lag
        self.version = version
        self.warnings = warnings
        self.events = events
        self.orphans = orphans
        self.links = links
        self.catchUp = catchUp
        self.tls = tls
        self.bridge = bridge
    }
}

extension NodeStatus {
    public struct Node: Sendable, Hashable, Codable {
        public var id: String
        public var number: NodeNumber
        public var site: String
        public var role: Role

        public init(id: String, number: NodeNumber, site: String, role: Role) {
            self.id = id
            self.number = number
            self.site = site
            self.role = role
        }
    }

    public struct Cluster: Sendable, Hashable, Codable {
        public var name: String
        public var id: String

        public init(name: String, id: String) {
            self.name = name
            self.id = id
        }
    }

    public struct Raft: Sendable, Hashable, Codable {
        /// `leader`, `follower`, `candidate`, `learner`, …
        public var state: String
        public var term: Term
        /// The leader's `node.id`.
        @OrNull public var leaderID: String?
        /// `host:port` of the leader's HTTP API.
        @OrNull public var leaderAPI: String?

        enum CodingKeys: String, CodingKey {
            case state, term
            case leaderID = "leader_id"
            case leaderAPI = "leader_api"
        }

        public init(state: String, term: Term, leaderID: String?, leaderAPI: String?) {
            self.state = state
            self.term = term
            self.leaderID = leaderID
            self.leaderAPI = leaderAPI
        }
    }

    public struct Log: Sendable, Hashable, Codable {
        public var first: LSN
        public var last: LSN
        public var durable: LSN
        public var committed: LSN
        public var applied: LSN

        enum CodingKeys: String, CodingKey {
            case first = "first_lsn"
            case last = "last_lsn"
            case durable = "durable_lsn"
            case committed = "committed_lsn"
            case applied = "applied_lsn"
        }

        public init(first: LSN, last: LSN, durable: LSN, committed: LSN, applied: LSN) {
            self.first = first
            self.last = last
            self.durable = durable
            self.committed = committed
            self.applied = applied
        }
    }

    public struct Database: Sendable, Hashable, Codable {
        /// How the agent has it: `managed`, `attached`, `galera`, `none`.
        public var mode: String
        /// The tenure's word: `replica`, `promoting`, `primary`, …
        public var state: String
        /// A socket's path or `host:port`.
        @OrNull public var endpoint: String?
        /// The position, as MariaDB writes it; empty when nothing was ever written.
        @OrNull public var gtid: String?
        public var writable: Bool

        public init(mode: String, state: String, endpoint: String?, gtid: String?, writable: Bool) {
            self.mode = mode
            self.state = state
            self.endpoint = endpoint
            self.gtid = gtid
            self.writable = writable
        }
    }

    public struct Lag: Sendable, Hashable, Codable {
        /// Committed entries that the database has not applied.
        public var entries: UInt64
        /// The age of the first of them; nil when unknown.
        @OrNull public var seconds: Double?

        public init(entries: UInt64, seconds: Double?) {
            self.entries = entries
            self.seconds = seconds
        }
    }
}
