import Gateway
import Logging
import MariaDBClient
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// Runs a proxy without a database of its own until it is told to stop.
func runStandaloneProxy(configuration: Configuration) async throws {
    AllocatorTuning.apply()
    ProcessMetrics.begin()
    let logger = Logger(label: "wolfscale")
    // Members have the numbers from 1; a number shows in connection ids only.
    var settings = try ProxySettings.make(configuration, number: UInt16.random(in: 512...1_023))
    settings.resolvesLoopback = false
    let accounts = StandaloneAccounts(
        user: configuration.database.user, password: try configuration.databasePassword(),
        tls: configuration.proxy.accountsTLS)
    let readiness = Readiness(awaiting: configuration.standaloneAPI == nil ? [.proxy] : [.proxy, .api]) {
        SystemdNotifier.send("READY=1\nSTATUS=running")
    }
    let proxy = MySQLProxy(
        settings, accounts: accounts, group: MultiThreadedEventLoopGroup.singleton, logger: logger
    ) { _ in readiness.reached(.proxy) }
    // Until a leader has said that it is the only one, nobody is believed to be.
    proxy.trustLeader(for: .zero)
    let bound = configuration.proxy.maxStalenessSeconds
    let usesTLS = configuration.api.tls || configuration.api.tlsCA != nil
    let poller = ClusterPoller(
        members: configuration.proxy.members.map { usesTLS ? APIAddress.url($0, tls: true) : $0 },
        token: try configuration.apiToken(), trust: try APITrust(configuration.api.tlsCA.map { .file($0) } ?? .system),
        rules: RouteTable.Rules(
            stalenessMax: bound > 0 ? .seconds(bound) : nil,
            nearestWindow: .milliseconds(configuration.proxy.nearestWindowMs),
            weights: ReadWeights.weights(configuration.proxy.readWeights)),
        logger: logger
    ) { view in
        accounts.use(view)
        proxy.update(view)
        logger.notice(
            "clients go",
            metadata: [
                "writes": "\(view.leader.map { "\($0.address)" } ?? "nowhere: \(view.reason)")",
                "reads":
                    "\(view.replicas.isEmpty ? "as writes" : view.replicas.map(\.description).joined(separator: ", "))",
            ])
    } onLease: { lease in
        proxy.trustLeader(for: .nanoseconds(Int64(lease / .nanoseconds(1))))
    }
    var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
        .init(service: poller), .init(service: proxy, failureTerminationBehavior: .gracefullyShutdownGroup),
    ]
    if let bind = configuration.standaloneAPI {
        let api = StandaloneAPI(
            try configuration.standaloneAPISettings(bind), proxy: StandaloneInformation(proxy: proxy, poller: poller),
            group: MultiThreadedEventLoopGroup.singleton, logger: logger
        ) { _ in readiness.reached(.api) }
        services.append(.init(service: api, failureTerminationBehavior: .gracefullyShutdownGroup))
    }
    let group = ServiceGroup(
        configuration: .init(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
}

extension Configuration.Proxy {
    /// For reading accounts, as for clients' own connections.
    var accountsTLS: SQLConfiguration.TLS? {
        switch databaseTLS {
        case .off: nil
        case .required: SQLConfiguration.TLS(authorities: databaseTLSCA, verifiesServer: false)
        case .verify: SQLConfiguration.TLS(authorities: databaseTLSCA, verifiesServer: true)
        }
    }
}
