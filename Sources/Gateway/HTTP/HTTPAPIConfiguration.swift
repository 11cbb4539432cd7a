/// The HTTP API's settings, from the configuration's section `[api]`.
public struct HTTPAPIConfiguration: Sendable {
    /// `api.bind_address`, in two parts. Port 0 takes a free one.
    public var host: String
    public var port: Int
    /// From `api.token_file`; its bearer may do everything.
    public var token: APIToken?
    /// Those that were made with `wolfscale token create`.
    public var tokens = TokenDirectory()
    /// Nil for plain HTTP.
    public var security: APISecurity?
    /// Whom this node believes when it passes a request on by `https`.
    public var trust: APITrust?
    /// `api.rate_limit_per_second`, of each token or address; 0 for no limit.
    public var requestsPerSecond = 0
    /// `api.loopback_exempt`: whether loopback may write and administer without the token.
    public var loopbackExempt: Bool
    /// What the members share; a request that carries it was accepted by another member.
    public var clusterSecret: APIToken?
    /// This node's `node.id`.
    public var nodeID: String
    /// `api.write_timeout_ms`
    public var writeTimeout: Duration
    /// How long an administrative request may take.
    public var administrationTimeout: Duration
    /// The largest body of one request.
    public var bodyBytesMax: Int
    /// All bodies in memory at once.
    public var bodyBytesTotalMax: Int
    /// Changes in hand at once.
    public var requestsMax: Int
    public var connectionsMax: Int
    public var data = HTTPDataConfiguration()

    public init(
        host: String = "127.0.0.1", port: Int = 8080, token: APIToken? = nil, loopbackExempt: Bool = true,
        clusterSecret: APIToken? = nil, nodeID: String = "", writeTimeout: Duration = .seconds(10),
        administrationTimeout: Duration = .seconds(60), bodyBytesMax: Int = 16 << 20,
        bodyBytesTotalMax: Int = 128 << 20,
        requestsMax: Int = 1024, connectionsMax: Int = 4096
    ) {
        self.host = host
        self.port = port
        self.token = token
        self.loopbackExempt = loopbackExempt
        self.clusterSecret = clusterSecret
        self.nodeID = nodeID
        self.writeTimeout = writeTimeout
        self.administrationTimeout = administrationTimeout
        self.bodyBytesMax = bodyBytesMax
        self.bodyBytesTotalMax = max(bodyBytesTotalMax, bodyBytesMax)
        self.requestsMax = requestsMax
        self.connectionsMax = connectionsMax
    }
}
