/// Where a MariaDB server is and how to log in to it.
public struct SQLConfiguration: Sendable, Hashable {
    public enum Address: Sendable, Hashable, CustomStringConvertible {
        /// A socket file; the server may take the OS user's name as proof (`unix_socket` authentication).
        case unix(_ path: String)
        case tcp(host: String, port: Int)

        public var description: String {
            switch self {
            case .unix(let path): path
            case .tcp(let host, let port): "\(host.contains(":") ? "[\(host)]" : host):\(port)"
            }
        }
    }

    /// Encryption of a TCP connection.
    public struct TLS: Sendable, Hashable {
        /// A PEM file of trusted authorities; nil takes the server's certificate as it comes.
        public var authorities: String?
        /// Whether the certificate must name the host and be signed by one of `authorities`.
        public var verifiesServer: Bool

        public init(authorities: String? = nil, verifiesServer: Bool = true) {
            self.authorities = authorities
            self.verifiesServer = verifiesServer
        }
    }

    public var address: Address
    public var user: String
    public var password: String?
    /// The default schema.
    public var database: String?
    public var tls: TLS?
    /// Bounds the connection and the wait for the server's greeting. libmariadb counts in seconds: rounded up.
    public var connectTimeout: Duration
    /// How long one read from the server may last; nil waits for ever, as a commit that waits for its quorum must.
    public var readTimeout: Duration?
    public var writeTimeout: Duration?
    /// The largest packet, thus row, that is taken from the server; nil for libmariadb's own bound of 1 GiB.
    public var packetBytesMax: Int?
    /// Run in order after each login, before the session is handed out.
    public var initStatements: [String]

    public init(
        address: Address, user: String, password: String? = nil, database: String? = nil, tls: TLS? = nil,
        connectTimeout: Duration = .seconds(5), readTimeout: Duration? = nil, writeTimeout: Duration? = nil,
        initStatements: [String] = []
    ) {
        self.address = address
        self.user = user
        self.password = password
        self.database = database
        self.tls = tls
        self.connectTimeout = connectTimeout
        self.readTimeout = readTimeout
        self.writeTimeout = writeTimeout
        self.initStatements = initStatements
    }
}

/// Never shows the password.
extension SQLConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["login": description]) }

    public var description: String { "\(user)@\(address)\(database.map { "/\($0)" } ?? "")" }

    private static let gtidTracking = "SET SESSION session_track_system_variables = 'last_gtid'"

    /// The same, with each answer to a write carrying its GTID (`last_gtid` in ``SQLResult/trackedVariables``): one round
    /// trip less than asking for it.
    public func trackingLastGTID() -> SQLConfiguration {
        var configuration = self
        if !tracksLastGTID { configuration.initStatements.append(SQLConfiguration.gtidTracking) }
        return configuration
    }

    public var tracksLastGTID: Bool { initStatements.contains(SQLConfiguration.gtidTracking) }
}

extension Duration {
    /// Whole seconds for libmariadb, rounded up, at least 1.
    var secondsForClientLibrary: UInt32 {
        let (seconds, attoseconds) = components
        return UInt32(clamping: max(1, seconds + (attoseconds > 0 ? 1 : 0)))
    }
}
