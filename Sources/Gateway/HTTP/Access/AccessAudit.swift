import Channels
import Hummingbird
import Logging
import Synchronization

/// Who did what, in the log: administration as notices, writes and queries at level debug, refusals as warnings of which there is one
/// in ten seconds at most. The token's name stands there, never the token.
final class AccessAudit: Sendable {
    private let refusals = Mutex(LogLimiter())

    func done(
        _ act: AccessPolicy.Act, _ request: Request, _ context: APIContext, status: Int,
        since begun: ContinuousClock.Instant
    ) {
        let level: Logger.Level =
            switch act {
            case .read: .trace
            case .query, .write: .debug
            case .administer: .notice
            }
        guard context.logger.logLevel <= level else { return }
        var metadata = Self.metadata(request, context)
        metadata["by"] = "\(context.principal?.name ?? "?")"
        metadata["status"] = "\(status)"
        metadata["ms"] = "\((ContinuousClock.now - begun) / .milliseconds(1))"
        context.logger.log(level: level, "api", metadata: metadata)
    }

    func refused(_ request: Request, _ context: APIContext, _ problem: Problem) {
        let metadata = Self.metadata(request, context)
        refusals.withLock { limiter in
            limiter.warn(
                context.logger,
                "the API refused \(request.method) \(request.uri.path.prefix(200)) of \(metadata["from"].map { "\($0)" } ?? "?"): "
                    + "\(problem.status) \(problem.detail)")
        }
    }

    static func status(of error: any Error) -> Int {
        switch error {
        case let problem as Problem: problem.status
        case let error as any HTTPResponseError: error.status.code
        default: 500
        }
    }

    private static func metadata(_ request: Request, _ context: APIContext) -> Logger.Metadata {
        [
            "method": "\(request.method)", "path": "\(request.uri.path.prefix(200))",
            "from": "\(context.address ?? "?")",
        ]
    }
}
