import Gateway
import WANLink

/// What a standalone proxy tells of itself.
struct StandaloneInformation: ProxyInformation {
    let proxy: MySQLProxy
    let poller: ClusterPoller

    func health() async -> Health {
        let view = proxy.view
        guard view.leader == nil, view.replicas.isEmpty else { return .ok }
        return .failing(reason: view.reason)
    }

    func status() async -> ProxyStatus {
        ProxyStatus(
            version: AgentVersion.text, connected: proxy.connectionCount, connectionsMax: proxy.connectionsMax,
            view: proxy.view, members: poller.members)
    }

    func metrics() async -> [MetricFamily] {
        [
            .each(
                .gauge, "wolfscale_build_info", "Always 1; the label says which version runs.", [AgentVersion.text]
            ) { (["version": $0], 1) },
            .gauge("wolfscale_healthy", "1 while GET /health answers 200.", await health() == .ok),
            .each(
                .gauge, "wolfscale_proxy_member_answers", "1 for members whose API answers.", poller.members
            ) { (["api": $0.api], $0.answers ? 1 : 0) },
        ] + (await proxy.metrics) + ProcessMetrics.families()
    }
}

extension Configuration {
    func standaloneAPISettings(_ bind: PeerAddress) throws -> HTTPAPIConfiguration {
        // Whoever knows the token by which it asks the members may ask it, too.
        var settings = HTTPAPIConfiguration(
            host: bind.host == "*" ? "0.0.0.0" : bind.host, port: bind.port,
            token: try apiToken().map { APIToken($0) })
        if let certificate = api.tlsCertificate, let key = api.tlsPrivateKey {
            settings.security = try APISecurity(certificate: certificate, privateKey: key)
        }
        return settings
    }
}
