import Gateway
import MariaDBClient
import Synchronization

/// Reads accounts from the leader's database, or from the replica while there is no leader.
final class StandaloneAccounts: ProxyAccountSource {
    private struct Source {
        var address: BackendAddress
        var accounts: ProxyAccounts
    }

    private let user: String
    private let password: String?
    private let tls: SQLConfiguration.TLS?
    private let current = Mutex<Source?>(nil)

    /// - Parameter user: an account at the databases that may read `mysql.global_priv`.
    init(user: String, password: String?, tls: SQLConfiguration.TLS?) {
        self.user = user
        self.password = password
        self.tls = tls
    }

    func use(_ view: ProxyView) {
        guard let address = view.leader?.address ?? view.replicas.first?.address,
            case .tcp(let host, let port) = address
        else {
            return
        }
        current.withLock { current in
            guard current?.address != address else { return }
            current = Source(
                address: address,
                accounts: ProxyAccounts(
                    SQLConfiguration(
                        address: .tcp(host: host, port: port), user: user, password: password, tls: tls,
                        connectTimeout: .seconds(2), readTimeout: .seconds(5))))
        }
    }

    func accounts(named user: String) async throws -> [ProxyAccount] {
        guard let accounts = current.withLock({ $0?.accounts }) else {
            throw AgentError("no member of the cluster has answered yet")
        }
        return try await accounts.accounts(named: user)
    }

    func serverVersion() async -> String? { await current.withLock { $0?.accounts }?.serverVersion() }
}
