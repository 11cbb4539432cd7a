import Hummingbird

/// `POST /write/insert`, `/write/update`, `/write/delete`, `/write/ddl`: at the leader carried out, elsewhere passed on.
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
        switch await cluster.writeRoute() {
        case .local(let pool):
            let write = try WriteRequest(form, body: Array(buffer: body))
            return APIResponse.json(try await executor.execute(write, on: pool))
        case .forward(let target):
            return try await intake.forwarder.forward(request, body: body, to: target, timeout: executor.timeout)
        case .unavailable(let reason, let retryAfterSeconds):
            throw Problem.unavailable("\(reason) Nothing was executed.", retryAfterSeconds: retryAfterSeconds)
        }
    }
}
