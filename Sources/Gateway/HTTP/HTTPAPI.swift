import AsyncHTTPClient
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// The HTTP API as a service: it listens until it is asked to shut down, then answers what it has in hand and ends.
public struct HTTPAPI: Service {
    private let configuration: HTTPAPIConfiguration
    private let cluster: any ClusterInformation
    private let administration: any ClusterAdministration
    private let group: any EventLoopGroup
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// - Parameters:
    ///   - group: where connections live; not the loop of the replication.
    ///   - onListening: called once, with the port that was bound.
    public init(
        _ configuration: HTTPAPIConfiguration, cluster: any ClusterInformation,
        administration: any ClusterAdministration, group: any EventLoopGroup, logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.cluster = cluster
        self.administration = administration
        self.group = group
        self.logger = logger
        self.onListening = onListening
    }

    /// - Throws: ``HTTPAPIError`` when the address cannot be bound.
    public func run() async throws {
        let client = LeaderForwarder.client(on: group, connectTimeout: .seconds(2))
        let cleaner = IdempotencyCleaner(cluster: cluster, hours: configuration.data.idempotencyHours, logger: logger)
        do {
            try await cleaner.run { try await application(client).run() }
        } catch {
            try await client.shutdown()
            if let error = error as? IOError { throw HTTPAPIError.bind(configuration, error) }
            throw error
        }
        try await client.shutdown()
    }

    /// All of it but the client's end, which is the caller's.
    func application(_ client: HTTPClient) -> some ApplicationProtocol {
        Application(
            router: router(client),
            server: .api(configuration.security, idleTimeout: .seconds(120)),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                availableConnectionsDelegate: MaximumAvailableConnections(configuration.connectionsMax)),
            onServerRunning: { [onListening, configuration] channel in
                await onListening(channel.localAddress?.port ?? configuration.port)
            },
            eventLoopGroupProvider: .shared(group), logger: logger)
    }

    func router(_ client: HTTPClient) -> Router<APIContext> {
        let policy = AccessPolicy(
            token: configuration.token, tokens: configuration.tokens, loopbackExempt: configuration.loopbackExempt,
            clusterSecret: configuration.clusterSecret)
        let intake = ChangeIntake(
            bodyBytesMax: configuration.bodyBytesMax,
            budget: BodyBudget(bytesMax: configuration.bodyBytesTotalMax, requestsMax: configuration.requestsMax),
            forwarder: LeaderForwarder(client: client, nodeID: configuration.nodeID, trust: configuration.trust))
        let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
        let metrics = APIMetrics()
        router.add(middleware: RequestNameMiddleware())
        router.add(middleware: APIMetricsMiddleware(metrics: metrics))
        let allowed = AllowedMethods()
        router.add(middleware: ProblemMiddleware(allowed: allowed))
        HealthRoutes(cluster: cluster, policy: policy).add(to: router)
        let audit = AccessAudit()
        let limiter =
            configuration.requestsPerSecond > 0 ? RateLimiter(perSecond: configuration.requestsPerSecond) : nil
        func group(_ act: AccessPolicy.Act) -> RouterGroup<APIContext> {
            router.group("").add(middleware: AccessMiddleware(policy: policy, act: act, audit: audit, limiter: limiter))
        }
        let reading = group(.read)
        StatusRoutes(cluster: cluster).add(to: reading)
        MetricsRoutes(cluster: cluster, metrics: metrics, tokens: configuration.tokens).add(to: reading)
        let changing = group(.write)
        WriteRoutes(
            cluster: cluster, intake: intake,
            executor: WriteExecutor(
                cluster: cluster, metadata: TableMetadataCache(), timeout: configuration.writeTimeout)
        ).add(to: changing)
        IdentifierRoutes(cluster: cluster).add(to: changing)
        QueryRoutes(
            service: QueryService(cluster: cluster, settings: configuration.data), intake: intake,
            timeout: configuration.data.queryTimeout
        ).add(to: group(.query))
        let administrationRoutes = AdministrationRoutes(
            administration: administration, intake: intake, timeout: configuration.administrationTimeout)
        let administering = group(.administer)
        administrationRoutes.add(to: administering)
        administrationRoutes.addBridge(to: administering)
        OpenAPIRoutes.add(to: reading, describing: router)
        allowed.learn(from: router)
        return router
    }
}
