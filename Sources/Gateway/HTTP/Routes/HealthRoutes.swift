import Hummingbird

/// `GET /health` and `GET /health/galera`: open to load balancers anywhere, who learn yes or no; the reasons are for those
/// who may read the status.
struct HealthRoutes {
    let cluster: any ClusterInformation
    let policy: AccessPolicy

    func add(to router: Router<APIContext>) {
        router.get("/health") { request, context in
            Self.answer(await cluster.health(), showsReason: policy.mayRead(request, context))
        }
        // One endpoint with ?endpoint=host:port, all of them without: 200 when a healthy one is among them.
        router.get("/health/galera") { request, context in
            let wanted = request.uri.queryParameters["endpoint"].map { String($0) }
            var endpoints = await cluster.galeraEndpoints()
            if let wanted { endpoints.removeAll { $0.endpoint != wanted } }
            if endpoints.isEmpty {
                throw Problem(
                    .notFound, status: 404,
                    wanted.map { "No Galera endpoint \($0) is configured." }
                        ?? "This node bridges no Galera cluster.")
            }
            if !policy.mayRead(request, context) {
                for index in endpoints.indices { endpoints[index].reason = nil }
            }
            let isHealthy = endpoints.contains(where: \.healthy)
            return APIResponse.json(endpoints, status: isHealthy ? .ok : .serviceUnavailable)
        }
    }

    static func answer(_ health: Health, showsReason: Bool) -> Response {
        switch health {
        case .ok: return APIResponse.json(HealthAnswer(status: "ok"))
        case .failing(let reason):
            let answer = HealthAnswer(status: "failing", reason: showsReason ? reason : nil)
            return APIResponse.json(answer, status: .serviceUnavailable)
        }
    }
}

extension AccessPolicy {
    func mayRead(_ request: Request, _ context: APIContext) -> Bool {
        refusal(.read, peer: context.peer, headers: request.headers) == nil
    }
}

private struct HealthAnswer: Encodable {
    var status: String
    var reason: String?
}
