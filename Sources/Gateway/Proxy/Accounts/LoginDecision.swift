import MariaDBWire

/// With what the proxy logs in to databases in a client's name.
enum BackendSecret: Sendable, Equatable {
    case empty
    /// SHA1(password), kept for the session's life (FACTS 5).
    case digest([UInt8])
    /// Known to the client only: what a database asks is passed on to it, once. Such a session has one database connection.
    case relayed

    func nativeReply(salt: [UInt8]) -> [UInt8] {
        switch self {
        case .empty: []
        case .digest(let digest): NativePassword.reply(passwordDigest: digest, salt: salt)
        case .relayed: []
        }
    }
}

/// Decides a login by `mysql_native_password`, as the server would.
enum LoginDecision: Equatable {
    case accepted(BackendSecret)
    /// The account wants another method than the native one.
    case needs(plugin: String)
    case locked
    case denied

    /// - Parameters:
    ///   - reply: the client's answer to `salt`, 20 bytes or none.
    static func make(
        accounts: [ProxyAccount], user: String, address: String, resolvesLoopback: Bool, reply: [UInt8], salt: [UInt8]
    ) -> LoginDecision {
        let candidates = accounts.filter {
            ($0.user == user || $0.user.isEmpty)
                && HostPattern(text: $0.host).matches(address, resolvesLoopback: resolvesLoopback)
        }
        // The server takes the first match only: the most specific host, then a named user before the anonymous one.
        let best = candidates.max { one, other in
            let (first, second) = (HostPattern(text: one.host).specificity, HostPattern(text: other.host).specificity)
            return first != second ? first < second : one.user.isEmpty && !other.user.isEmpty
        }
        guard let account = best else { return .denied }
        var otherPlugin: String?
        for method in account.methods {
            switch method {
            case .empty: if reply.isEmpty { return account.isLocked ? .locked : .accepted(.empty) }
            case .native(let stored):
                if let digest = NativePassword.passwordDigest(reply: reply, stored: stored, salt: salt) {
                    return account.isLocked ? .locked : .accepted(.digest(digest))
                }
            case .other(let plugin): otherPlugin = otherPlugin ?? plugin
            }
        }
        return otherPlugin.map { .needs(plugin: $0) } ?? .denied
    }
}
