import Hummingbird

/// Stops a request that may not do what the routes behind this do, or whose caller asks too often, and notes whose it is.
struct AccessMiddleware: RouterMiddleware {
    typealias Context = APIContext

    let policy: AccessPolicy
    let act: AccessPolicy.Act
    let audit: AccessAudit
    /// Nil without a limit.
    let limiter: RateLimiter?

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        switch policy.decide(act, peer: context.peer, headers: request.headers) {
        case .failure(let problem):
            audit.refused(request, context, problem)
            // Whoever guesses tokens is slowed down too.
            try limit("address \(context.address ?? "")")
            throw problem
        case .success(let principal):
            try limit(principal, context)
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

    /// Status is never limited: watching must go on when an application runs wild. Members have counted what they pass on.
    private func limit(_ principal: Principal, _ context: APIContext) throws(Problem) {
        guard act != .read else { return }
        switch principal {
        case .token(let name, _): try limit("token \(name)")
        case .secret, .loopback: try limit("address \(context.address ?? "")")
        case .member: break
        }
    }

    private func limit(_ caller: String) throws(Problem) {
        guard let seconds = limiter?.secondsToWait(caller) else { return }
        throw Problem(
            .tooManyRequests, status: 429, "More requests than api.rate_limit_per_second. Nothing was executed.",
            retryAfterSeconds: seconds)
    }
}
