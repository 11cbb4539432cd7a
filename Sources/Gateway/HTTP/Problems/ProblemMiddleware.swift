import Hummingbird
import Logging

/// Turns every error, of ours and of Hummingbird, into a problem answer.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = APIContext

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return problem.response
        } catch let error as any HTTPResponseError {
            return ProblemMiddleware.problem(error, request).response
        } catch {
            context.logger.error("\(request.method) \(request.uri.path) failed", metadata: ["error": "\(error)"])
            return Problem(.internalError, status: 500, "\(error)").response
        }
    }

    private static func problem(_ error: any HTTPResponseError, _ request: Request) -> Problem {
        let code = error.status.code
        let reason = (error as? HTTPError)?.body
        switch code {
        case 404:
            return Problem(.notFound, status: 404, "There is no \(request.method) \(request.uri.path).")
        case 413:
            return Problem(.tooLarge, status: 413, reason ?? "The body is larger than api.max_body_bytes.")
        case 400..<500:
            return Problem(.badRequest, status: code, reason ?? error.status.reasonPhrase)
        default:
            return Problem(.internalError, status: code, reason ?? error.status.reasonPhrase)
        }
    }
}
