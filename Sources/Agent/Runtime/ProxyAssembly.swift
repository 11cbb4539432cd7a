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
            try ProxySettings.make(configuration, number: node.identity.number.rawValue), accounts: accounts,
            dialler: configuration.proxy.tunnel ? TunnelDialler(network: node.network) : DirectDialler(),
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
