import Hummingbird

/// `GET /openapi.json`. To be added after all other routes, which it describes.
enum OpenAPIRoutes {
    static func add(to group: RouterGroup<APIContext>, describing router: Router<APIContext>) {
        // Without the HEADs that the router makes by itself; with the route that is about to be added.
        var routes = Set(router.routes.filter { $0.method != .head }.map { "\($0.method) \($0.path)" })
        routes.insert("GET /openapi.json")
        let text: String
        do {
            text = try OpenAPIDocument(routes: routes).json.text
        } catch {
            preconditionFailure("the description of the API is not JSON: \(error)")
        }
        group.get("/openapi.json") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        }
    }
}
