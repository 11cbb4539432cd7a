import Hummingbird

/// `GET /metrics`, for Prometheus.
struct MetricsRoutes {
    let cluster: any ClusterInformation
    let metrics: APIMetrics
    let tokens: TokenDirectory

    func add(to router: RouterGroup<APIContext>) {
        router.get("/metrics") { _, _ in
            let families = await cluster.metrics() + metrics.families + [issued]
            let body = ByteBuffer(string: MetricsText.render(families))
            return Response(
                status: .ok, headers: [.contentType: MetricsText.contentType, .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: body))
        }
    }

    private var issued: MetricFamily {
        let counts = tokens.counts()
        return .each(.gauge, "wolfscale_api_tokens", "Tokens of the HTTP API that are good.", APIRole.allCases) {
            (["role": $0.rawValue], Double(counts[$0] ?? 0))
        }
    }
}
