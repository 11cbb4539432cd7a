/// The HTTP API's settings for reading and writing rows.
public struct HTTPDataConfiguration: Sendable {
    /// Of queries that do not say: `proxy.read_consistency`.
    public var readConsistency: ReadConsistency
    /// `proxy.stale_reads`: whether a replica is read while there is no leader.
    public var allowsStaleReads: Bool
    /// `proxy.causal_timeout_ms`: how long a replica may take to reach a query's `after`; then the leader is asked.
    public var causalTimeout: Duration
    /// `api.query_timeout_ms`: how long a query may take, its answer's transfer included.
    public var queryTimeout: Duration
    /// `api.idempotency_hours`: how long keys are kept.
    public var idempotencyHours: Int

    public init(
        readConsistency: ReadConsistency = .causal, allowsStaleReads: Bool = true,
        causalTimeout: Duration = .milliseconds(500), queryTimeout: Duration = .seconds(30), idempotencyHours: Int = 24
    ) {
        self.readConsistency = readConsistency
        self.allowsStaleReads = allowsStaleReads
        self.causalTimeout = causalTimeout
        self.queryTimeout = queryTimeout
        self.idempotencyHours = idempotencyHours
    }
}
