import ClusterCore

/// A bridge between Galera clusters, in `GET /status`.
public struct BridgeStatus: Sendable, Hashable, Codable {
    /// This node's first.
    public var sites: [BridgeSiteStatus]
    /// To the other members.
    public var links: [BridgeLinkStatus]

    public init(sites: [BridgeSiteStatus], links: [BridgeLinkStatus]) {
        self.sites = sites
        self.links = links
    }
}

/// One Galera cluster and the agent beside it.
public struct BridgeSiteStatus: Sendable, Hashable, Codable {
    /// The member's `node.id`.
    public var member: String
    public var site: String
    /// `primary`: captured from; `replica`: fed; other words as of a tenure.
    public var state: String
    /// What stands in the way.
    @OrNull public var trouble: String?
    /// `wsrep_gtid_domain_id` and `wsrep_cluster_state_uuid`
    @OrNull public var domain: UInt32?
    @OrNull public var clusterID: String?
    public var nodes: [GaleraNodeStatus]
    @OrNull public var channel: BridgeChannelStatus?
    @OrNull public var capture: BridgeCaptureStatus?

    enum CodingKeys: String, CodingKey {
        case member, site, state, trouble, domain, nodes, channel, capture
        case clusterID = "cluster_id"
    }

    public init(
        member: String, site: String, state: String, trouble: String?, domain: UInt32?, clusterID: String?,
        nodes: [GaleraNodeStatus], channel: BridgeChannelStatus?, capture: BridgeCaptureStatus?
    ) {
        self.member = member
        self.site = site
        self.state = state
        self.trouble = trouble
        self.domain = domain
        self.clusterID = clusterID
        self.nodes = nodes
        self.channel = channel
        self.capture = capture
    }
}

public struct GaleraNodeStatus: Sendable, Hashable, Codable {
    /// `host:port`
    public var endpoint: String
    /// `wsrep_node_name`
    public var name: String
    /// healthy, degraded, donor, joining, desynced, non-primary, rejecting, unreachable, mismatched
    public var verdict: String
    @OrNull public var reason: String?
    /// Whether the bridge captures from it, or its channel is there.
    public var inUse: Bool
    /// As the node says it last: Synced, Donor/Desynced, …
    public var wsrepState: String
    public var readOnly: Bool
    public var receiveQueue: Int
    public var flowControlPausedNs: UInt64
    public var gtid: String
    @OrNull public var roundTripMS: Double?

    enum CodingKeys: String, CodingKey {
        case endpoint, name, verdict, reason, gtid
        case inUse = "in_use"
        case wsrepState = "wsrep_state"
        case readOnly = "read_only"
        case receiveQueue = "recv_queue"
        case flowControlPausedNs = "flow_control_paused_ns"
        case roundTripMS = "round_trip_ms"
    }

    public init(
        endpoint: String, name: String, verdict: String, reason: String?, inUse: Bool, wsrepState: String,
        readOnly: Bool, receiveQueue: Int, flowControlPausedNs: UInt64, gtid: String, roundTripMS: Double?
    ) {
        self.endpoint = endpoint
        self.name = name
        self.verdict = verdict
        self.reason = reason
        self.inUse = inUse
        self.wsrepState = wsrepState
        self.readOnly = readOnly
        self.receiveQueue = receiveQueue
        self.flowControlPausedNs = flowControlPausedNs
        self.gtid = gtid
        self.roundTripMS = roundTripMS
    }
}

public struct BridgeChannelStatus: Sendable, Hashable, Codable {
    public var endpoint: String
    public var running: Bool
    /// Seconds, as the server says it.
    @OrNull public var secondsBehind: UInt64?
    @OrNull public var error: String?

    enum CodingKeys: String, CodingKey {
        case endpoint, running, error
        case secondsBehind = "seconds_behind"
    }

    public init(endpoint: String, running: Bool, secondsBehind: UInt64?, error: String?) {
        self.endpoint = endpoint
        self.running = running
        self.secondsBehind = secondsBehind
        self.error = error
    }
}

public struct BridgeCaptureStatus: Sendable, Hashable, Codable {
    @OrNull public var endpoint: String?
    /// The log is full, or its disk slow: the source's binlogs are the buffer.
    public var paused: Bool
    public var gtid: String
    /// Since the agent started.
    public var transactions: UInt64
    public var bytes: UInt64
    /// Transactions that only one node of the cluster has; not shipped.
    public var errant: UInt64

    public init(
        endpoint: String?, paused: Bool, gtid: String, transactions: UInt64, bytes: UInt64, errant: UInt64
    ) {
        self.endpoint = endpoint
        self.paused = paused
        self.gtid = gtid
        self.transactions = transactions
        self.bytes = bytes
        self.errant = errant
    }
}

/// The way to one member, as this node sees it.
public struct BridgeLinkStatus: Sendable, Hashable, Codable {
    public var member: String
    public var connected: Bool
    @OrNull public var roundTripMS: Double?
    /// Committed entries that the member has not on its disk; nil when this node does not lead.
    @OrNull public var behind: UInt64?
    /// Bytes of the log's backlog for it, roughly; nil when unknown.
    @OrNull public var lastContactMS: UInt64?

    enum CodingKeys: String, CodingKey {
        case member, connected, behind
        case roundTripMS = "round_trip_ms"
        case lastContactMS = "last_contact_ms"
    }

    public init(member: String, connected: Bool, roundTripMS: Double?, behind: UInt64?, lastContactMS: UInt64?) {
        self.member = member
        self.connected = connected
        self.roundTripMS = roundTripMS
        self.behind = behind
        self.lastContactMS = lastContactMS
    }
}
