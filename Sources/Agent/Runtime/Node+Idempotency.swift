import Gateway
import MariaDBClient

extension Node {
    /// Makes the table of idempotency keys in the writable database of this node; as any change of the schema it is
    /// replicated. What is there stays as it is.
    func prepareIdempotency(account: String) async throws {
        guard case .here = writeTarget, let login = driver?.server.administration else {
            throw AgentError("this node does not lead any more")
        }
        let statements = try IdempotencyStore.creation(account: account)
        // Not the monitor's session: these statements wait for their quorum.
        let runner = SQLRunner(login, deadline: .seconds(10), name: "idempotency")
        defer { runner.close(interrupting: false) }
        try await runner.run { session throws(SQLError) in
            for statement in statements { try session.query(statement) }
        }
    }
}
