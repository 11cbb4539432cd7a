/// One direction of an emulated line. It can be changed while the line carries traffic.
public struct Line: Sendable, Equatable {
    /// On the way, one direction.
    public var delay: Duration
    /// nil: as fast as the machine.
    public var bytesPerSecond: Int?
    /// What waits in front of the bottleneck before the rest is dropped (packets) or held back (a TCP relay), as in a router.
    public var queueBytes: Int
    /// Up to so much is added to the delay, at random; the order is kept.
    public var jitter: Duration
    /// 0 to 1, of packets. A relay of TCP connections has no packets to lose and ignores it.
    public var loss: Double
    /// A black hole: takes everything and delivers nothing, and nobody is told.
    public var swallows: Bool

    public init(
        delay: Duration = .zero, bytesPerSecond: Int? = nil, queueBytes: Int = 1 << 20, jitter: Duration = .zero,
        loss: Double = 0, swallows: Bool = false
    ) {
        self.delay = delay
        self.bytesPerSecond = bytesPerSecond
        self.queueBytes = queueBytes
        self.jitter = jitter
        self.loss = loss
        self.swallows = swallows
    }

    /// Neither delay nor bound.
    public static let ideal = Line()

    /// Half of a line with this round trip; the queue holds one bandwidth-delay product, and 64 KiB at least.
    public static func wan(
        roundTrip: Duration, megabits: Double, lossPercent: Double = 0, jitter: Duration = .zero
    ) -> Line {
        let rate = megabits * 1_000_000 / 8
        return Line(
            delay: roundTrip / 2, bytesPerSecond: Int(rate),
            queueBytes: max(64 << 10, Int(rate * (roundTrip / .seconds(1)))), jitter: jitter, loss: lossPercent / 100)
    }
}

/// What went through one direction of a line since it began.
public struct LineCounters: Sendable, Equatable {
    public var units = 0
    public var bytes = 0
    public var deliveredUnits = 0
    public var deliveredBytes = 0
    /// The queue was full.
    public var dropped = 0
    /// By chance.
    public var lost = 0
    /// By a black hole.
    public var swallowed = 0

    public init() {}
}
