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
        var reservation = try budget.begin()
        do {
            let body = try await collect(request.body, &reservation)
            let response = try await handle(body)
            budget.end(reservation)
            return response
        } catch {
            budget.end(reservation)
            throw error
        }
    }

    private func collect(_ body: RequestBody, _ reservation: inout BodyBudget.Reservation) async throws -> ByteBuffer {
        var whole = ByteBuffer()
        for try await var part in body {
            guard whole.readableBytes + part.readableBytes <= bodyBytesMax else { throw tooLarge }
            try budget.grow(&reservation, by: part.readableBytes)
            whole.writeBuffer(&part)
        }
        return whole
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
