import ClusterCore

/// How often the bridge tries again, and how often it says why it failed. What is waited for is mostly a Galera cluster that throws
/// a lost node out, which takes seconds: each of them counts, as nothing flows. After a while it is no longer a matter of seconds.
struct BridgeAttempts {
    static let shortPause = Duration.milliseconds(150)
    static let longPause = Duration.milliseconds(500)
    /// Some ten seconds of short pauses, with the attempts between them.
    static let shortPausesMax = 40

    private var pauses = 0
    private var lastReason: String?

    /// How long to wait before the next attempt.
    mutating func pause(in state: BridgeState) -> Duration {
        // Here no attempt is made: a leader is waited for, and the pauses are the clock of that.
        if case .waiting = state { return Self.longPause }
        pauses += 1
        return pauses <= Self.shortPausesMax ? Self.shortPause : Self.longPause
    }

    /// - Returns: whether the reason is another one than the last time.
    mutating func failed(_ reason: String) -> Bool {
        defer { lastReason = reason }
        return reason != lastReason
    }
}
