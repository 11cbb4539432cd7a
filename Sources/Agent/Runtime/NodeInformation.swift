import ClusterCore
import Foundation
import Gateway
import MariaDBClient

/// What the HTTP API asks of the node.
final class NodeInformation: ClusterInformation {
    let node: Node
    /// Sessions of the application's account at the local database.
    private let pool: SQLPool
    private let secret: String
    /// Nil when `proxy.enabled` is false.
    private let proxy: MySQLProxy?

    init(node: Node, pool: SQLPool, secret: String, proxy: MySQLProxy?) {
        self.node = node
        self.proxy = proxy
        self.pool = pool
        self.secret = secret
    }

    func status() async -> NodeStatus { await node.status }
    func cluster() async -> ClusterStatus { await node.clusterStatus }
    func health() async -> Health { await node.health }
    func events(limit: Int) async -> [EventRecord] { await node.recentEvents(limit) }

    func galeraEndpoints() async -> [EndpointHealth] { await node.galeraEndpoints }

    func route() async -> NodeRoute? { await node.route }
    func metrics() async -> [MetricFamily] {
        await node.metrics + (proxy?.metrics ?? []) + ProcessMetrics.families()
    }

    func writeRoute() async -> WriteRoute {
        switch await node.writeTarget {
        case .here: .local(pool)
        case .leader(let api): .forward(ForwardTarget(baseURL: APIAddress.url(api), secret: secret))
        case .nobody(let reason): .unavailable(reason: reason, retryAfterSeconds: 1)
        }
    }

    func waitForWrite(gtid: GTID?) async -> LSN? {
        guard let gtid else { return nil }
        return await node.lsn(of: gtid)
    }

    func nextID() async throws -> UInt64 {
        while true {
            switch await node.nextSnowflake() {
            case .id(let id): return id
            case .waitUntil(let ms):
                let now = UInt64(Date().timeIntervalSince1970 * 1_000)
                try await Task.sleep(for: .milliseconds(Int64(ms > now ? min(ms - now, 1_000) : 1)))
            case .clockOutOfRange:
                throw AgentError("this machine's clock is wrong (before 2024 or after 2093); set it to make new ids")
            }
        }
    }
}
