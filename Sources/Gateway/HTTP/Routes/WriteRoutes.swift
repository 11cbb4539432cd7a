import Hummingbird

/// `POST /write/insert`, `/write/update`, `/write/delete`, `/write/ddl`, `/write/transaction`: at the leader carried out, elsewhere
/// passed on.
struct WriteRoutes {
    let cluster: any ClusterInformation
    let intake: ChangeIntake
    let executor: WriteExecutor

    func add(to router: RouterGroup<APIContext>) {
        for form in WriteRequest.Form.allCases {
            router.post("/write/\(form.rawValue)") { request, _ in
                try await intake.receive(request, needsBody: true) { body in
                    try await write(form, request, body)
                }
            }
        }
    }

    private func write(_ form: WriteRequest.Form, _ request: Request, _ body: ByteBuffer) async throws -> Response {
        if let key = request.headers[.idempotencyKey] { _ = try IdempotentRequest.key(key) }
        let integers = try BigIntegers(request) ?? .number
        switch await cluster.writeRoute() {
        case .local(let pool):
            let json = try JSONValue(body: Array(buffer: body))
            let write = try WriteRequest(form, body: json)
            let key = try IdempotentRequest(request.headers, path: request.uri.path, body: json)
            return WriteRoutes.response(try await executor.execute(write, key: key, on: pool), integers)
        case .forward(let target):
            return try await intake.forwarder.forward(request, body: body, to: target, timeout: executor.timeout)
        case .unavailable(let reason, let retryAfterSeconds):
            throw Problem.unavailable("\(reason) Nothing was executed.", retryAfterSeconds: retryAfterSeconds)
        }
    }

    private static func response(_ reply: WriteReply, _ integers: BigIntegers) -> Response {
        switch reply {
        case .single(var answer):
            if integers == .string { answer.id = answer.id?.asText }
            return APIResponse.json(answer, headers: headers(answer.replayed))
        case .transaction(var answer):
            if integers == .string {
                for index in answer.results.indices { answer.results[index].id = answer.results[index].id?.asText }
            }
            return APIResponse.json(answer, headers: headers(answer.replayed))
        }
    }

    private static func headers(_ replayed: Bool?) -> HTTPFields {
        replayed == true ? [.idempotentReplayed: "true"] : [:]
    }
}

/// How whole numbers of 64 bits are written: a JSON number may have any digits, but JavaScript and others that read it as a double
/// round beyond 2^53. `?big_integers=string` asks for strings.
enum BigIntegers: String, CaseIterable, Sendable {
    case number
    case string

    /// Nil when the request does not say.
    init?(_ request: Request) throws(Problem) {
        guard let text = request.uri.queryParameters["big_integers"] else { return nil }
        guard let choice = BigIntegers(rawValue: String(text)) else {
            throw .badRequest("big_integers must be number or string, not '\(text.prefix(40))'.")
        }
        self = choice
    }
}
