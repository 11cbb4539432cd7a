import ClusterCore

/// When a unit (a packet, or a piece of a TCP stream) comes out of a line, if it does: a bounded queue in front of a
/// bottleneck, then a delay with jitter, then chance. Pure: the time comes in, and the chance from a seed.
public struct LineModel: Sendable {
    public enum Fate: Sendable, Equatable {
        /// In nanoseconds on the caller's clock; never before what was delivered earlier.
        case deliver(at: UInt64)
        case dropped
        case lost
        case swallowed
    }

    public private(set) var line: Line
    public var counters = LineCounters()
    private var generator: SplitMix64
    /// Until then the bottleneck has work.
    private var busyUntil: UInt64 = 0
    private var lastDelivery: UInt64 = 0
    private var delay: UInt64
    private var jitter: UInt64
    private var nanosecondsPerByte: Double

    public init(_ line: Line, seed: UInt64) {
        self.line = line
        generator = SplitMix64(seed: seed)
        (delay, jitter, nanosecondsPerByte) = Self.derived(line)
    }

    private static func derived(_ line: Line) -> (delay: UInt64, jitter: UInt64, nanosecondsPerByte: Double) {
        (
            UInt64(line.delay / .nanoseconds(1)), UInt64(line.jitter / .nanoseconds(1)),
            line.bytesPerSecond.map { 1e9 / Double($0) } ?? 0
        )
    }

    /// Changes the line. What waits for the bottleneck now keeps its place; its time was given when it came.
    public mutating func set(_ line: Line, now: UInt64) {
        let waiting = backlogBytes(now: now)
        self.line = line
        (delay, jitter, nanosecondsPerByte) = Self.derived(line)
        busyUntil = now + UInt64(Double(waiting) * nanosecondsPerByte)
    }

    /// What waits for the bottleneck.
    public func backlogBytes(now: UInt64) -> Int {
        guard busyUntil > now, nanosecondsPerByte > 0 else { return 0 }
        return Int(Double(busyUntil - now) / nanosecondsPerByte)
    }

    public mutating func offer(_ bytes: Int, now: UInt64) -> Fate {
        counters.units += 1
        counters.bytes += bytes
        if line.swallows {
            counters.swallowed += 1
            return .swallowed
        }
        guard nanosecondsPerByte == 0 || backlogBytes(now: now) + bytes <= line.queueBytes else {
            counters.dropped += 1
            return .dropped
        }
        busyUntil = max(busyUntil, now) + UInt64(Double(bytes) * nanosecondsPerByte)
        // Lost on the way, so it has used the line.
        if line.loss > 0, Double.random(in: 0..<1, using: &generator) < line.loss {
            counters.lost += 1
            return .lost
        }
        let wobble = jitter > 0 ? UInt64.random(in: 0...jitter, using: &generator) : 0
        lastDelivery = max(lastDelivery, busyUntil + delay + wobble)
        return .deliver(at: lastDelivery)
    }

    public mutating func delivered(_ bytes: Int) {
        counters.deliveredUnits += 1
        counters.deliveredBytes += bytes
    }
}
