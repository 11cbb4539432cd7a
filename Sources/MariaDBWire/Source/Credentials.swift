import NIOCore

/// Where a MariaDB server listens.
public enum ServerAddress: Sendable, Hashable, CustomStringConvertible {
    case unix(path: String)
    case tcp(host: String, port: Int)

    public var description: String {
        switch self {
        case .unix(let path): path
        case .tcp(let host, let port): "\(host):\(port)"
        }
    }
}

/// A MariaDB account. An empty password also serves for accounts that log in with `unix_socket`.
public struct Credentials: Sendable, Hashable {
    public var user: String
    public var password: String

    public init(user: String, password: String = "") {
        self.user = user
        self.password = password
    }
}
