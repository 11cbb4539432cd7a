import ClusterCore
import Foundation
import Gateway
import MariaDBClient

/// What the HTTP API asks of the node.
final class NodeInformation: ClusterInformation {
    let node: Node
    /// Sessions of the application's account at the local database.
    private let pool: SQLPool
    /// The same account's, for reading: queries that take long hold up no write.
    private let queries: SQLPool
    private let secret: String
    /// Nil when `proxy.enabled` is false.
    private let proxy: MySQLProxy?

    init(node: Node, pool: SQLPool, queries: SQLPool, secret: String, proxy: MySQLProxy?) {
        self.node = node
        self.proxy = proxy
        self.pool = pool
        self.queries = queries
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

    func readPlaces() async -> ReadPlaces {
        let state = await node.reading
        var places = ReadPlaces(
            here: state.isReadable ? queries : nil, leads: state.leads, reason: state.reason)
        if let api = state.leaderAPI { places.leader = ForwardTarget(baseURL: "http://\(api)", secret: secret) }
        return places
    }

    func holdsLease() async -> Bool { await node.holdsLease }

    func nextIDs(_ count: Int) async throws -> [UInt64] {
        var ids: [UInt64] = []
        ids.reserveCapacity(count)
        while ids.count < count {
            // In small steps: the loop that makes them carries commits too.
            ids += await node.nextSnowflakes(min(256, count - ids.count))
            if ids.count < count { ids.append(try await nextID()) }
        }
        return ids
    }

    func waitForWrite(gtid: GTID?) async -> LSN? {
        guard let gtid else { return nil }
        return await node.lsn(of: gtid)
    }

    func prepareIdempotency(account: String) async throws { try await node.prepareIdempotency(account: account) }

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
