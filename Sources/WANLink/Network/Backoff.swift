import NIOCore

/// How long to wait before dialling again: doubling from 50 ms to 1 s, of which a random half to whole is taken so that
/// nodes that lost each other together do not dial together.
struct Backoff {
    static let first: TimeAmount = .milliseconds(50)
    static let longest: TimeAmount = .seconds(1)

    private var failures = 0

    mutating func next(using generator: inout some RandomNumberGenerator) -> TimeAmount {
        let doubled = Backoff.first.nanoseconds << min(failures, 5)
        failures += 1
        let whole = min(doubled, Backoff.longest.nanoseconds)
        return .nanoseconds(Int64.random(in: whole / 2...whole, using: &generator))
    }

    /// A line that stayed up for this long counts as a success; one that falls sooner goes on doubling.
    mutating func wasUp(for time: TimeAmount) { if time >= Backoff.longest { failures = 0 } }
}
