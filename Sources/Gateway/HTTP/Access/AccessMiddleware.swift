import Hummingbird

/// Stops a request that may not do what the routes behind this do.
struct AccessMiddleware: RouterMiddleware {
    typealias Context = APIContext

    let policy: AccessPolicy
    let act: AccessPolicy.Act

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        if let refusal = policy.refusal(act, peer: context.peer, headers: request.headers) { throw refusal }
        return try await next(request, context)
    }
}
