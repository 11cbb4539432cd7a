/// Whether there is enough room on the disk to go on. It closes early, so that nothing ever meets a full disk in the middle
/// of a write, and opens when there is clearly more.
struct DiskGate: Sendable, Equatable {
    /// Bytes that must stay free.
    let floorBytes: UInt64
    private(set) var isClosed = false

    init(floorBytes: UInt64) { self.floorBytes = floorBytes }

    /// - Parameter segmentBytes: What the log reserves at once.
    /// - Parameter windowBytes: What may still come after the gate was closed.
    init(segmentBytes: Int, windowBytes: Int) {
        self.init(floorBytes: UInt64(segmentBytes) + UInt64(windowBytes) + Self.marginBytes)
    }

    /// For the state store, and for whoever else writes to that disk.
    static let marginBytes: UInt64 = 64 << 20

    mutating func look(availableBytes: UInt64) {
        isClosed = availableBytes < (isClosed ? floorBytes + floorBytes / 4 : floorBytes)
    }
}

/// Whether the leader waits for appliers: `replication.max_apply_lag_mb` and `replication.max_apply_lag_seconds`, of which
/// 0 switches one off.
struct ApplyLagGate: Sendable, Equatable {
    struct Lag: Sendable, Equatable {
        var member: String
        var bytes: UInt64
        var seconds: Double
    }

    let bytesMax: UInt64
    let secondsMax: Double
    /// Who is waited for; nil while nobody is.
    private(set) var waitsFor: Lag?

    init(maxMB: Int, maxSeconds: Int) {
        bytesMax = UInt64(maxMB) << 20
        secondsMax = Double(maxSeconds)
    }

    var isOff: Bool { bytesMax == 0 && secondsMax == 0 }

    /// Commits go on when the slowest is back within nine tenths of the bound.
    mutating func look(_ lags: [Lag]) {
        let share = waitsFor == nil ? 1 : 0.9
        waitsFor = lags.filter { exceeds($0, share: share) }.max { $0.bytes < $1.bytes }
    }

    private func exceeds(_ lag: Lag, share: Double) -> Bool {
        (bytesMax > 0 && Double(lag.bytes) > share * Double(bytesMax))
            || (secondsMax > 0 && lag.seconds > share * secondsMax)
    }
}
