import NIOCore

/// Notices that a line has gone silent. It counts ticks instead of reading a clock: four ticks a timeout, a ping on
/// each, and a line on which nothing was heard for five of them in a row (at least the timeout, at most 5/4 of it) is
/// dead.
struct Keepalive: Equatable {
    static let ticksPerTimeout = 4

    private var heardSinceTick = true
    private var silentTicks = 0

    enum Action: Equatable { case ping, dead }

    /// Any byte counts, not only frames: a large one may be long under way.
    mutating func heard() { heardSinceTick = true }

    mutating func tick() -> Action {
        if heardSinceTick {
            heardSinceTick = false
            silentTicks = 0
            return .ping
        }
        silentTicks += 1
        return silentTicks > Keepalive.ticksPerTimeout - 1 ? .dead : .ping
    }

    /// How often to tick for a given timeout; not more than once a millisecond.
    static func interval(timeout: TimeAmount) -> TimeAmount {
        .nanoseconds(max(1_000_000, timeout.nanoseconds / Int64(ticksPerTimeout)))
    }
}
