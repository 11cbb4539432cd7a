/// One row of `mysql.global_priv`, as far as a login needs it.
public struct ProxyAccount: Sendable, Equatable {
    /// The pattern of the client's host: `%`, `10.0.%`, `192.168.0.0/255.255.0.0`, `localhost`.
    public var host: String
    public var user: String
    /// In the order in which the server tries them; one suffices.
    public var methods: [Method]
    public var isLocked: Bool

    public enum Method: Sendable, Equatable {
        /// SHA1(SHA1(password)).
        case native([UInt8])
        /// `mysql_native_password` without a password.
        case empty
        case other(plugin: String)
    }

    public init(host: String, user: String, methods: [Method], isLocked: Bool = false) {
        self.host = host
        self.user = user
        self.methods = methods
        self.isLocked = isLocked
    }
}

/// Where the proxy learns of accounts.
public protocol ProxyAccountSource: Sendable {
    /// The accounts of this name, those of the anonymous user included.
    func accounts(named user: String) async throws -> [ProxyAccount]
    /// As `SELECT VERSION()` gives it; nil when no server answers.
    func serverVersion() async -> String?
}
