import Foundation
import Gateway
import MariaDBClient

/// Reads accounts from the local database for the proxy's logins.
final class ProxyAccounts: ProxyAccountSource {
    private let runner: SQLRunner?

    /// - Parameter configuration: an account that may read `mysql.global_priv`; nil on a witness, where nobody can log in.
    init(_ configuration: SQLConfiguration?) {
        runner = configuration.map { SQLRunner($0, deadline: .seconds(5), name: "proxy-accounts") }
    }

    func accounts(named user: String) async throws -> [ProxyAccount] {
        guard let runner else { throw AgentError("this node has no database to read accounts from") }
        let rows = try await runner.run { session throws(SQLError) in
            try session.execute(
                "SELECT Host, User, Priv FROM mysql.global_priv WHERE User = ? OR User = ''", [.string(user)]
            ).rows
        }
        return rows.compactMap { row in
            guard row.count == 3, let host = row[0], let name = row[1], let text = row[2] else { return nil }
            return ProxyAccount(host: host, user: name, privileges: text)
        }
    }

    func serverVersion() async -> String? {
        do { return try await runner?.query("SELECT VERSION()").scalar } catch { return nil }
    }
}

extension ProxyAccount {
    private struct Privileges: Decodable {
        struct Method: Decodable {
            var plugin: String?
            var authentication_string: String?
        }
        var plugin: String?
        var authentication_string: String?
        var auth_or: [Method]?
        var account_locked: Bool?
        var is_role: Bool?
    }

    /// - Parameter privileges: the JSON of `mysql.global_priv`. Nil for a role and for what can't be read.
    init?(host: String, user: String, privileges text: String) {
        let privileges: Privileges
        do { privileges = try JSONDecoder().decode(Privileges.self, from: Data(text.utf8)) } catch { return nil }
        guard privileges.is_role != true else { return nil }
        let own = Privileges.Method(
            plugin: privileges.plugin, authentication_string: privileges.authentication_string)
        // In the list an entry without a plugin stands for the account's own pair.
        let methods = (privileges.auth_or ?? [own]).map { $0.plugin == nil ? own : $0 }
        self.init(
            host: host, user: user, methods: methods.map(Self.method),
            isLocked: privileges.account_locked ?? false)
    }

    private static func method(_ method: Privileges.Method) -> Method {
        let plugin = method.plugin ?? ""
        guard plugin.isEmpty || plugin == "mysql_native_password" else { return .other(plugin: plugin) }
        let text = method.authentication_string ?? ""
        if text.isEmpty { return .empty }
        guard text.hasPrefix("*"), let digest = bytes(hex: text.dropFirst()), digest.count == 20 else {
            // "invalid", and the passwords of before MySQL 4.1.
            return .other(plugin: "an unusable password")
        }
        return .native(digest)
    }

    private static func bytes(hex text: Substring) -> [UInt8]? {
        guard text.utf8.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        var rest = text
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}
