import ClusterCore
import MariaDBClient

/// What the HTTP API asks the agent. All of it must answer at once from what the agent knows, but for
/// ``waitForWrite(gtid:)``.
public protocol ClusterInformation: Sendable {
    func status() async -> NodeStatus
    func cluster() async -> ClusterStatus
    func health() async -> Health
    /// The newest first, `limit` at the most.
    func events(limit: Int) async -> [EventRecord]
    /// Empty when this node bridges no Galera cluster.
    func galeraEndpoints() async -> [EndpointHealth]

    /// What a proxy elsewhere must know; nil when no proxy has a use for this node.
    func route() async -> NodeRoute?

    /// What the agent counts and measures, but for the API itself.
    func metrics() async -> [MetricFamily]

    func writeRoute() async -> WriteRoute
    /// The LSN of a transaction that this node, the leader, has just committed. Nil when it is not known (the transaction
    /// changed nothing, or its LSN is not at hand); the write succeeded all the same.
    func waitForWrite(gtid: GTID?) async -> LSN?
    /// A Snowflake identifier of this node, below 2^63.
    func nextID() async throws -> UInt64
    /// `count` of them, rising.
    func nextIDs(_ count: Int) async throws -> [UInt64]

    /// From where `POST /query` can read now.
    func readPlaces() async -> ReadPlaces
    /// Whether this node leads and no other can have become leader by now.
    func holdsLease() async -> Bool

    /// Makes the table of idempotency keys, at the leader, and lets `account` (`user@host`) use it; see
    /// ``IdempotencyStore/creation(account:)``.
    func prepareIdempotency(account: String) async throws
}

extension ClusterInformation {
    public func galeraEndpoints() async -> [EndpointHealth] { [] }
    public func route() async -> NodeRoute? { nil }
    public func metrics() async -> [MetricFamily] { [] }
    public func nextIDs(_ count: Int) async throws -> [UInt64] {
        var ids: [UInt64] = []
        for _ in 0..<count { ids.append(try await nextID()) }
        return ids
    }
}

/// Where a write goes now.
public enum WriteRoute: Sendable {
    /// This node leads and its database takes writes. The pool's account must not bypass `read_only` (SUPER, READ ONLY
    /// ADMIN): a write that meets a demotion must fail, not slip through.
    case local(SQLPool)
    case forward(ForwardTarget)
    case unavailable(reason: String, retryAfterSeconds: Int)
}

/// The leader's API.
public struct ForwardTarget: Sendable, Hashable {
    /// `http://host:port`, without a slash at the end.
    public var baseURL: String
    /// What the members share, by which the leader knows a member's request.
    public var secret: String

    public init(baseURL: String, secret: String) {
        self.baseURL = baseURL
        self.secret = secret
    }
}

/// Never shows the secret.
extension ForwardTarget: CustomStringConvertible, CustomReflectable {
    public var description: String { baseURL }
    public var customMirror: Mirror { Mirror(self, children: ["baseURL": baseURL]) }
}
