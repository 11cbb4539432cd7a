import ClusterCore
import Foundation
import Gateway
import Logging
import MariaDBClient
import NIOCore
import NIOPosix
import WANLink
import WriteAheadLog

/// Makes the MySQL proxy of a node and keeps it told about the cluster.
struct ProxyAssembly {
    let configuration: Configuration
    let logger: Logger

    func make(_ node: Node, _ readiness: Readiness) async throws -> MySQLProxy {
        let accounts = ProxyAccounts(try administration())
        let proxy = MySQLProxy(
            try settings(number: node.identity.number), accounts: accounts,
            group: MultiThreadedEventLoopGroup.singleton, logger: logger
        ) { _ in readiness.reached(.proxy) }
        await NodeLoop.run {
            let topology = ProxyTopology(node: node, proxy: proxy)
            node.onChange = { topology.refresh() }
            node.consensus.onTick = { topology.renewLease() }
            topology.refresh()
        }
        return proxy
    }

    private func settings(number: NodeNumber) throws -> ProxyConfiguration {
        let proxy = configuration.proxy
        guard let bind = PeerAddress(proxy.bindAddress) else {
            throw AgentError("proxy.bind_address = \(proxy.bindAddress) is not host:port")
        }
        var settings = ProxyConfiguration(
            host: bind.host == "*" ? "0.0.0.0" : bind.host, port: bind.port, number: number.rawValue)
        settings.readConsistency = Gateway.ReadConsistency(rawValue: proxy.readConsistency.rawValue) ?? .causal
        settings.connectionsMax = proxy.maxConnections
        settings.failoverWait = .milliseconds(Int64(proxy.failoverWaitMs))
        settings.causalTimeout = .milliseconds(Int64(proxy.causalTimeoutMs))
        settings.resolvesLoopback = !configuration.database.managed
        settings.allowsStaleReads = proxy.staleReads == .allow
        if let certificate = proxy.tlsCertificate, let key = proxy.tlsPrivateKey {
            try settings.useTLS(certificate: certificate, privateKey: key)
            settings.requiresTLS = proxy.tlsRequired
        }
        return settings
    }

    /// The session by which accounts are read: root's own through the socket, or an attached server's account.
    private func administration() throws -> SQLConfiguration? {
        guard configuration.node.role.hasDatabase else { return nil }
        let database = configuration.database
        if database.managed {
            return SQLConfiguration(
                address: .unix(configuration.socketPath ?? ""), user: NSUserName(), connectTimeout: .seconds(2),
                readTimeout: .seconds(5))
        }
        return SQLConfiguration(
            address: configuration.socketPath.map { .unix($0) } ?? .tcp(host: database.host, port: database.port),
            user: database.user, password: try configuration.databasePassword(), connectTimeout: .seconds(2),
            readTimeout: .seconds(5))
    }
}
