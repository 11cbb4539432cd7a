/// Where a database can be reached from this proxy.
public enum BackendAddress: Sendable, Hashable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    /// Beside the proxy: by its socket for accounts to which that makes no difference, by TCP for others.
    case local(socket: String, host: String, port: Int)
    /// Through the agent of the member with this number, over the cluster's own links.
    case member(UInt16)

    public var description: String {
        switch self {
        case .tcp(let host, let port), .local(_, let host, let port): "\(host):\(port)"
        case .member(let number): "member \(number)"
        }
    }
}

/// What a proxy knows of the cluster at one moment. Whoever follows the cluster (the agent, or the standalone proxy's poller) makes
/// a new one at every change and hands it to ``MySQLProxy/update(_:)``.
public struct ProxyView: Sendable, Equatable {
    public struct Leader: Sendable, Equatable {
        public var address: BackendAddress
        /// Grows with every change of the writable database, a restart of the same one included: sessions of an older epoch move.
        public var epoch: UInt64

        public init(address: BackendAddress, epoch: UInt64) {
            self.address = address
            self.epoch = epoch
        }
    }

    public struct Replica: Sendable, Hashable, CustomStringConvertible {
        public var address: BackendAddress
        /// How many sessions read there for each of another one's: 1 and more.
        public var weight: Int

        public init(address: BackendAddress, weight: Int = 1) {
            self.address = address
            self.weight = weight
        }

        public var description: String { weight == 1 ? "\(address)" : "\(address) (weight \(weight))" }
    }

    /// The database that takes writes; nil when none does.
    public var leader: Leader?
    /// Those for reads, healthy and not too far behind, each session at one of them; none when there is none, or when the leader
    /// is the local one.
    public var replicas: [Replica]
    /// Why there is no leader, for error messages.
    public var reason: String

    public init(
        leader: Leader? = nil, replicas: [Replica] = [], reason: String = "the proxy has just started"
    ) {
        self.leader = leader
        self.replicas = replicas
        self.reason = reason
    }

    func isReplica(_ address: BackendAddress) -> Bool { replicas.contains { $0.address == address } }
}
