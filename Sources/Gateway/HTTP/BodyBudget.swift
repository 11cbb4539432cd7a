import Synchronization

/// How many bytes of request bodies, and how many changes, may be in memory at once, over all connections.
final class BodyBudget: Sendable {
    private struct State {
        var bytes = 0
        var requests = 0
    }
    private let state = Mutex(State())
    let bytesMax: Int
    let requestsMax: Int

    init(bytesMax: Int, requestsMax: Int) {
        self.bytesMax = bytesMax
        self.requestsMax = requestsMax
    }

    /// One change in hand and the bytes of its body so far. Give it back with ``BodyBudget/end(_:)``.
    struct Reservation: ~Copyable {
        fileprivate var bytes = 0
    }

    func begin() throws(Problem) -> Reservation {
        let granted = state.withLock { state in
            guard state.requests < requestsMax else { return false }
            state.requests += 1
            return true
        }
        guard granted else { throw BodyBudget.exhausted }
        return Reservation()
    }

    func grow(_ reservation: inout Reservation, by bytes: Int) throws(Problem) {
        let granted = state.withLock { state in
            guard state.bytes + bytes <= bytesMax else { return false }
            state.bytes += bytes
            return true
        }
        guard granted else { throw BodyBudget.exhausted }
        reservation.bytes += bytes
    }

    func end(_ reservation: consuming Reservation) {
        let bytes = reservation.bytes
        state.withLock { state in
            state.bytes -= bytes
            state.requests -= 1
        }
    }

    private static var exhausted: Problem {
        .unavailable(
            "This node has as many requests in hand as it takes at once. Nothing was executed.", retryAfterSeconds: 1)
    }
}
