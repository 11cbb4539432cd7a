import Hummingbird

/// `POST /ids?count=N`: Snowflake identifiers of this node, whether it leads or not; their node number makes them different from all others'.
struct IdentifierRoutes {
    static let countMax = 10_000

    let cluster: any ClusterInformation

    func add(to router: RouterGroup<APIContext>) {
        router.post("/ids") { request, _ in
            let text = request.uri.queryParameters["count"].map { String($0) } ?? "1"
            guard let count = Int(text), (1...IdentifierRoutes.countMax).contains(count) else {
                throw Problem.badRequest(
                    "count must be a whole number from 1 to \(IdentifierRoutes.countMax), not '\(text.prefix(40))'.")
            }
            let integers = try BigIntegers(request) ?? .number
            let ids: [UInt64]
            do {
                ids = try await cluster.nextIDs(count)
            } catch {
                throw Problem.unavailable("No identifiers could be made: \(error)", retryAfterSeconds: 1)
            }
            switch integers {
            case .number: return APIResponse.json(Identifiers(ids: ids))
            case .string: return APIResponse.json(Identifiers(ids: ids.map { String($0) }))
            }
        }
    }

    private struct Identifiers<ID: Encodable>: Encodable { var ids: [ID] }
}
