/// What a standalone proxy tells of itself by ``StandaloneAPI``. All of it must answer at once.
public protocol ProxyInformation: Sendable {
    /// Failing when nothing can be asked anywhere.
    func health() async -> Health
    func status() async -> ProxyStatus
    /// All but what the API counts itself.
    func metrics() async -> [MetricFamily]
}

/// `GET /status` of a standalone proxy.
public struct ProxyStatus: Sendable, Equatable, Encodable {
    public struct Clients: Sendable, Equatable, Encodable {
        public var connected: Int
        /// `proxy.max_connections`.
        public var max: Int
    }

    public struct Place: Sendable, Hashable, Codable {
        /// `host:port` of a database.
        public var address: String
        /// How many sessions read there for each of another one's; nil for the leader's.
        public var weight: Int?

        public init(address: String, weight: Int? = nil) {
            self.address = address
            self.weight = weight
        }
    }

    public struct MemberAnswer: Sendable, Equatable, Encodable {
        /// Of its HTTP API.
        public var api: String
        /// Whether it answered the last time it was asked.
        public var answers: Bool
        /// Why not.
        public var reason: String?

        public init(api: String, answers: Bool, reason: String? = nil) {
            self.api = api
            self.answers = answers
            self.reason = reason
        }
    }

    public var version: String
    public var clients: Clients
    /// Where writes go; nil when nobody takes them.
    @OrNull public var writes: Place?
    /// Why nobody does.
    public var reason: String?
    /// Where reads go; with none they go where writes do.
    public var reads: [Place]
    public var members: [MemberAnswer]

    public init(
        version: String, connected: Int, connectionsMax: Int, view: ProxyView, members: [MemberAnswer]
    ) {
        self.version = version
        clients = Clients(connected: connected, max: connectionsMax)
        writes = view.leader.map { Place(address: "\($0.address)") }
        reason = view.leader == nil ? view.reason : nil
        reads = view.replicas.map { Place(address: "\($0.address)", weight: $0.weight) }
        self.members = members
    }
}
