import Hummingbird

/// What this node and its cluster are: `GET /status`, `/cluster`, `/cluster/nodes`, `/cluster/route`, `/events`.
struct StatusRoutes {
    static let eventsMax = 1000

    let cluster: any ClusterInformation

    func add(to router: RouterGroup<APIContext>) {
        router.get("/status") { _, _ in APIResponse.json(await cluster.status()) }
        router.get("/cluster") { _, _ in APIResponse.json(await cluster.cluster()) }
        router.get("/cluster/nodes") { _, _ in APIResponse.json(await cluster.cluster().members) }
        router.get("/cluster/route") { _, _ in
            guard let route = await cluster.route() else {
                throw Problem(.notFound, status: 404, "This node has nothing to say about where clients should go.")
            }
            return APIResponse.json(route)
        }
        router.get("/events") { request, _ in
            var limit = 100
            if let text = request.uri.queryParameters["limit"] {
                guard let number = Int(text), number > 0 else {
                    throw Problem.badRequest("limit must be a whole number above 0, not '\(text)'.")
                }
                limit = min(number, StatusRoutes.eventsMax)
            }
            return APIResponse.json(await cluster.events(limit: limit))
        }
    }
}
