import NIOCore
import Synchronization

/// `api.rate_limit_per_second`: a bucket of tokens for each caller, who is a token's name or an address. One second's worth may come at
/// once.
final class RateLimiter: Sendable {
    /// Callers remembered at once; beyond it the new ones share a bucket.
    static let callersMax = 10_000

    private struct Bucket {
        var tokens: Double
        var filledAt: NIODeadline
    }
    private struct State {
        var buckets: [String: Bucket] = [:]
        var sweptAt = NIODeadline.uptimeNanoseconds(0)
    }

    private let state = Mutex(State())
    private let perSecond: Double

    /// - Parameter perSecond: above 0.
    init(perSecond: Int) {
        precondition(perSecond > 0, "a limit of nothing would let nobody in")
        self.perSecond = Double(perSecond)
    }

    /// Takes one request's token.
    ///
    /// - Returns: nil when it may go on, else after how many whole seconds it may.
    func secondsToWait(_ caller: String, now: NIODeadline = .now()) -> Int? {
        state.withLock { state in
            let key = place(for: caller, &state, now)
            var bucket = state.buckets[key] ?? Bucket(tokens: perSecond, filledAt: now)
            let passed = max(0, Double((now - bucket.filledAt).nanoseconds) / 1e9)
            bucket.tokens = min(perSecond, bucket.tokens + passed * perSecond)
            bucket.filledAt = now
            let isGranted = bucket.tokens >= 1
            if isGranted { bucket.tokens -= 1 }
            state.buckets[key] = bucket
            return isGranted ? nil : max(1, Int(((1 - bucket.tokens) / perSecond).rounded(.up)))
        }
    }

    var callerCount: Int { state.withLock { $0.buckets.count } }

    /// Who has been silent for a second has a full bucket again and need not be remembered.
    private func place(for caller: String, _ state: inout State, _ now: NIODeadline) -> String {
        guard state.buckets.count >= Self.callersMax, state.buckets[caller] == nil else { return caller }
        if now - state.sweptAt >= .seconds(1) {
            state.sweptAt = now
            state.buckets = state.buckets.filter { now - $0.value.filledAt < .seconds(1) }
        }
        return state.buckets.count < Self.callersMax ? caller : ""
    }
}
