import Hummingbird
import NIOCore

/// What every change has in common: its body is bounded, and one that must go to the leader is passed on.
struct ChangeIntake: Sendable {
    let bodyBytesMax: Int
    let budget: BodyBudget
    let forwarder: LeaderForwarder

    /// Reads the body and hands it to `handle`, counted against the budget until `handle` returns.
    /// - Parameter needsBody: whether there must be one.
    func receive(
        _ request: Request, needsBody: Bool, _ handle: (ByteBuffer) async throws -> Response
    ) async throws -> Response {
        let announced = request.headers[.contentLength].flatMap { Int($0) }
        if let announced, announced > bodyBytesMax { throw tooLarge }
        if needsBody || (announced ?? 0) > 0 { try ChangeIntake.checkType(request) }
        return try await budget.reserving(announced ?? bodyBytesMax) {
            let body: ByteBuffer
            do {
                body = try await request.body.collect(upTo: bodyBytesMax)
            } catch is NIOTooManyBytesError {
                throw tooLarge
            }
            return try await handle(body)
        }
    }

    private var tooLarge: Problem {
        Problem(.tooLarge, status: 413, "A body has \(bodyBytesMax) bytes at the most.")
    }

    /// A web page can send other types to this machine without asking the browser's user; JSON it cannot.
    private static func checkType(_ request: Request) throws(Problem) {
        let type = request.headers[.contentType] ?? ""
        let essence = type.prefix { $0 != ";" }.trimmingSuffix(while: { $0 == " " }).lowercased()
        guard essence == "application/json" else {
            throw Problem(
                .unsupportedMediaType, status: 415, "Send the header `Content-Type: application/json`; it is '\(type)'."
            )
        }
    }
}

extension Substring {
    fileprivate func trimmingSuffix(while isBlank: (Character) -> Bool) -> Substring {
        var end = endIndex
        while end > startIndex, isBlank(self[index(before: end)]) { end = index(before: end) }
        return self[..<end]
    }
}
