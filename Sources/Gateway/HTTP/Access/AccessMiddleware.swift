import Hummingbird

/// Stops a request that may not do what the routes behind this do, and notes whose it is.
struct AccessMiddleware: RouterMiddleware {
    typealias Context = APIContext

    let policy: AccessPolicy
    let act: AccessPolicy.Act
    let audit: AccessAudit

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        switch policy.decide(act, peer: context.peer, headers: request.headers) {
        case .failure(let problem):
            audit.refused(request, context, problem)
            throw problem
        case .success(let principal):
            var context = context
            context.principal = principal
            let begun = ContinuousClock.now
            do {
                let response = try await next(request, context)
                audit.done(act, request, context, status: response.status.code, since: begun)
                return response
            } catch {
                audit.done(act, request, context, status: AccessAudit.status(of: error), since: begun)
                throw error
            }
        }
    }
}
