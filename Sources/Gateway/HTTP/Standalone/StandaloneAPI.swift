import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// The little HTTP API of a proxy without a database: `GET /health` for load balancers, `/status` for people, `/metrics` for Prometheus.
public struct StandaloneAPI: Service {
    private let configuration: HTTPAPIConfiguration
    private let proxy: any ProxyInformation
    private let group: any EventLoopGroup
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// - Parameters:
    ///   - configuration: of it the address, the token, and TLS.
    ///   - onListening: called once, with the port that was bound.
    public init(
        _ configuration: HTTPAPIConfiguration, proxy: any ProxyInformation, group: any EventLoopGroup, logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.proxy = proxy
        self.group = group
        self.logger = logger
        self.onListening = onListening
    }

    /// - Throws: ``HTTPAPIError`` when the address cannot be bound.
    public func run() async throws {
        do { try await application.run() } catch let error as IOError {
            throw HTTPAPIError.bind(configuration, error)
        }
    }

    var application: some ApplicationProtocol {
        Application(
            router: router,
            server: .api(configuration.security, idleTimeout: .seconds(120)),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                availableConnectionsDelegate: MaximumAvailableConnections(configuration.connectionsMax)),
            onServerRunning: { [onListening, configuration] channel in
                await onListening(channel.localAddress?.port ?? configuration.port)
            },
            eventLoopGroupProvider: .shared(group), logger: logger)
    }

    private var router: Router<APIContext> {
        let policy = AccessPolicy(token: configuration.token, loopbackExempt: configuration.loopbackExempt)
        let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
        let metrics = APIMetrics()
        router.add(middleware: RequestNameMiddleware())
        router.add(middleware: APIMetricsMiddleware(metrics: metrics))
        let allowed = AllowedMethods()
        router.add(middleware: ProblemMiddleware(allowed: allowed))
        router.get("/health") { [proxy] request, context in
            HealthRoutes.answer(await proxy.health(), showsReason: policy.mayRead(request, context))
        }
        let reading = router.group("").add(
            middleware: AccessMiddleware(policy: policy, act: .read, audit: AccessAudit(), limiter: nil))
        reading.get("/status") { [proxy] _, _ in APIResponse.json(await proxy.status()) }
        reading.get("/metrics") { [proxy] _, _ in MetricsRoutes.answer(await proxy.metrics() + metrics.families) }
        allowed.learn(from: router)
        return router
    }
}
