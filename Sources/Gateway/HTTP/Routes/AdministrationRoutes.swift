import Foundation
import Hummingbird
import NIOCore

/// `POST /cluster/members`, `DELETE /cluster/members/{id}`, `POST /cluster/switchover`.
struct AdministrationRoutes {
    let administration: any ClusterAdministration
    let intake: ChangeIntake
    let timeout: Duration

    func add(to router: RouterGroup<APIContext>) {
        router.post("/cluster/members") { request, _ in
            try await change(request, needsBody: true, as: MemberAddition.self) {
                addition throws(AdministrationError) in
                guard !addition.id.isEmpty, !addition.address.isEmpty else {
                    throw .invalid(reason: "The fields 'id' and 'address' must not be empty.")
                }
                return try await administration.addMember(addition)
            }
        }
        router.delete("/cluster/members/{id}") { request, context in
            let id = try context.parameters.require("id")
            return try await change(request, as: Nothing.self) { _ throws(AdministrationError) in
                try await administration.removeMember(id: id)
            }
        }
        router.post("/cluster/switchover") { request, _ in
            try await change(request, as: SwitchoverRequest.self) { wish throws(AdministrationError) in
                try await administration.switchover(wish)
            }
        }
    }

    /// `POST /bridge/retry`
    func addBridge(to router: RouterGroup<APIContext>) {
        router.post("/bridge/retry") { request, _ in
            try await change(request, as: BridgeRetryRequest.self) { wish throws(AdministrationError) in
                try await administration.retryBridge(wish)
            }
        }
    }

    private struct Nothing: Decodable {}

    /// A body that may be missing counts as `{}`.
    private func change<Body: Decodable, Answer: Encodable>(
        _ request: Request, needsBody: Bool = false, as type: Body.Type,
        _ act: (Body) async throws(AdministrationError) -> Answer
    ) async throws -> Response {
        try await intake.receive(request, needsBody: needsBody) { body in
            let wish = try decode(type, body)
            do throws(AdministrationError) {
                return APIResponse.json(try await act(wish))
            } catch {
                if case .notLeader(let target?) = error {
                    return try await intake.forwarder.forward(request, body: body, to: target, timeout: timeout)
                }
                throw Problem(error)
            }
        }
    }

    private func decode<Body: Decodable>(_ type: Body.Type, _ body: ByteBuffer) throws(Problem) -> Body {
        let data = body.readableBytes == 0 ? Data("{}".utf8) : Data(body.readableBytesView)
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch let error as DecodingError {
            throw .badRequest(AdministrationRoutes.text(error))
        } catch {
            throw .badRequest("The body is not JSON: \(error).")
        }
    }

    private static func text(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "The field '\(key.stringValue)' is missing."
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "The body is not as it must be: \(context.debugDescription)"
                : "The field '\(context.codingPath.map(\.stringValue).joined(separator: "."))': \(context.debugDescription)"
        @unknown default: "The body is not as it must be."
        }
    }
}

extension Problem {
    init(_ error: AdministrationError) {
        switch error {
        case .notLeader:
            self = .unavailable("No leader is known, or its API is switched off.", retryAfterSeconds: 2)
        case .invalid(let reason): self = .badRequest(reason)
        case .notFound(let reason): self = Problem(.notFound, status: 404, reason)
        case .refused(let reason): self = Problem(.refused, status: 409, reason)
        case .unavailable(let reason, let seconds): self = .unavailable(reason, retryAfterSeconds: seconds)
        case .timedOut(let reason):
            self = Problem(
                .unknownOutcome, status: 504, "\(reason) It may still come about: see GET /cluster and GET /events.")
        }
    }
}
