import NIOConcurrencyHelpers

/// How many bytes of request bodies, and how many changes, may be in memory at once, over all connections.
final class BodyBudget: Sendable {
    private struct State {
        var bytes = 0
        var requests = 0
    }
    private let state = NIOLockedValueBox(State())
    let bytesMax: Int
    let requestsMax: Int

    init(bytesMax: Int, requestsMax: Int) {
        self.bytesMax = bytesMax
        self.requestsMax = requestsMax
    }

    /// Runs `body` while it holds `bytes` of the budget; a problem to try again later when they are not there.
    func reserving<Value>(_ bytes: Int, _ body: () async throws -> Value) async throws -> Value {
        let granted = state.withLockedValue { state in
            guard state.bytes + bytes <= bytesMax, state.requests < requestsMax else { return false }
            state.bytes += bytes
            state.requests += 1
            return true
        }
        guard granted else {
            throw Problem.unavailable(
                "This node has as many requests in hand as it takes at once. Nothing was executed.",
                retryAfterSeconds: 1)
        }
        defer {
            state.withLockedValue { state in
                state.bytes -= bytes
                state.requests -= 1
            }
        }
        return try await body()
    }
}
