import ClusterCore

let millisecond: UInt64 = 1_000_000

/// A node's monotonic clock: runs a little too fast or too slow, and jumps forward.
struct SimulatedClock {
    /// Local nanoseconds in a thousand true ones.
    var ratePerMille: UInt64 = 1_000
    private var offset: UInt64 = 0

    init(ratePerMille: UInt64) { self.ratePerMille = ratePerMille }

    func local(_ time: UInt64) -> Instant { Instant(nanoseconds: time / 1_000 * ratePerMille + offset) }

    /// The true time at which the clock shows `instant`.
    func time(of instant: Instant) -> UInt64 {
        guard instant.nanoseconds > offset else { return 0 }
        return (instant.nanoseconds - offset) / ratePerMille * 1_000 + 1_000
    }

    mutating func jump(by nanoseconds: UInt64) { offset += nanoseconds }
}
