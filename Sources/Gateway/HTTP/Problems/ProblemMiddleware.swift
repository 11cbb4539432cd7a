import Hummingbird
import Logging

/// Turns every error, of ours and of Hummingbird, into a problem answer.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = APIContext

    let allowed: AllowedMethods

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return problem.response
        } catch let error as any HTTPResponseError {
            return problem(error, request)
        } catch {
            context.logger.error("\(request.method) \(request.uri.path) failed", metadata: ["error": "\(error)"])
            return Problem(.internalError, status: 500, "\(error)").response
        }
    }

    private func problem(_ error: any HTTPResponseError, _ request: Request) -> Response {
        let code = error.status.code
        let reason = (error as? HTTPError)?.body
        switch code {
        case 404:
            let methods = allowed.methods(for: request.uri.path)
            guard methods.isEmpty else { return Problem.methodNotAllowed(request, methods) }
            return Problem(.notFound, status: 404, "There is no \(request.method) \(request.uri.path).").response
        case 413:
            return Problem(.tooLarge, status: 413, reason ?? "The body is larger than api.max_body_bytes.").response
        case 400..<500:
            return Problem(.badRequest, status: code, reason ?? error.status.reasonPhrase).response
        default:
            return Problem(.internalError, status: code, reason ?? error.status.reasonPhrase).response
        }
    }
}

extension Problem {
    fileprivate static func methodNotAllowed(_ request: Request, _ methods: [String]) -> Response {
        let all = methods.joined(separator: ", ")
        let detail = "There is no \(request.method) \(request.uri.path); there is \(all)."
        var response = Problem(.methodNotAllowed, status: 405, detail).response
        response.headers[.allow] = all
        return response
    }
}
