import Hummingbird

/// `GET /metrics`, for Prometheus.
struct MetricsRoutes {
    let cluster: any ClusterInformation
    let metrics: APIMetrics
    let tokens: TokenDirectory

    func add(to router: RouterGroup<APIContext>) {
        router.get("/metrics") { _, _ in
            Self.answer(await cluster.metrics() + metrics.families + [issued])
        }
    }

    static func answer(_ families: [MetricFamily]) -> Response {
        Response(
            status: .ok, headers: [.contentType: MetricsText.contentType, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: MetricsText.render(families))))
    }

    private var issued: MetricFamily {
        let counts = tokens.counts()
        return .each(.gauge, "wolfscale_api_tokens", "Tokens of the HTTP API that are good.", APIRole.allCases) {
            (["role": $0.rawValue], Double(counts[$0] ?? 0))
        }
    }
}
