import Gateway
import NIOCore
import WANLink

/// The proxy's settings out of the configuration's.
enum ProxySettings {
    static func make(_ configuration: Configuration, number: UInt16) throws -> ProxyConfiguration {
        let proxy = configuration.proxy
        guard let bind = PeerAddress(proxy.bindAddress) else {
            throw AgentError("proxy.bind_address = \(proxy.bindAddress) is not host:port")
        }
        var settings = ProxyConfiguration(
            host: bind.host == "*" ? "0.0.0.0" : bind.host, port: bind.port, number: number)
        settings.readConsistency = Gateway.ReadConsistency(rawValue: proxy.readConsistency.rawValue) ?? .causal
        settings.connectionsMax = proxy.maxConnections
        settings.failoverWait = .milliseconds(Int64(proxy.failoverWaitMs))
        settings.busyPoll = .microseconds(Int64(proxy.busyPollUs))
        settings.causalTimeout = .milliseconds(Int64(proxy.causalTimeoutMs))
        settings.resolvesLoopback = !configuration.database.managed
        let loops = max(1, System.coreCount)
        settings.poolMax = (proxy.pool + loops - 1) / loops
        settings.proxyProtocolNetworks = proxy.proxyProtocolNetworks.compactMap { IPNetwork($0) }
        settings.tellsClientAddress = proxy.proxyProtocolToServer
        settings.allowsStaleReads = proxy.staleReads == .allow
        if let certificate = proxy.tlsCertificate, let key = proxy.tlsPrivateKey {
            try settings.useTLS(certificate: certificate, privateKey: key)
            settings.requiresTLS = proxy.tlsRequired
        }
        settings.databaseTLS = try databaseTLS(proxy)
        return settings
    }

    private static func databaseTLS(_ proxy: Configuration.Proxy) throws -> DatabaseTLS? {
        switch proxy.databaseTLS {
        case .off: nil
        case .required: try DatabaseTLS(proxy.databaseTLSCA.map { .authority($0) } ?? .anybody)
        case .verify: try DatabaseTLS(.name(authority: proxy.databaseTLSCA))
        }
    }
}
