/// Makes ids that are unique in the cluster and rise with time: 41 bits of milliseconds since ``epochMs``, 10 bits of the
/// node's number, 12 bits of a sequence within the millisecond. The topmost bit stays 0, so an id fits a BIGINT until 2093.
public struct Snowflake: Sendable, Hashable {
    /// 2024-01-01T00:00:00Z, in milliseconds since 1970.
    public static let epochMs: UInt64 = 1_704_067_200_000
    public static let idsPerMs: UInt16 = 4_096
    /// How far a clock may jump back while ids go on being made, in the last millisecond that was seen.
    public static let toleratedBackwardJumpMs: UInt64 = 1_000

    public enum Outcome: Sendable, Hashable {
        case id(UInt64)
        /// Ask again when the clock (milliseconds since 1970) shows this: the present millisecond is used up, or the clock has
        /// jumped back too far.
        case waitUntil(ms: UInt64)
        /// The clock is before the epoch or after its end in 2093.
        case clockOutOfRange
    }

    public let node: NodeNumber
    /// Since the epoch.
    private var lastMs: UInt64 = 0
    /// Of the next id within `lastMs`.
    private var sequence: UInt16 = 0

    /// - Parameter startingAfterMs: The millisecond since 1970 of the last id that this node may have made before; ids
    ///   begin after it. Zero trusts the clock to be past it.
    public init(node: NodeNumber, startingAfterMs: UInt64 = 0) {
        self.node = node
        if startingAfterMs >= Snowflake.epochMs { lastMs = startingAfterMs - Snowflake.epochMs + 1 }
    }

    /// - Parameter nowMs: Milliseconds since 1970. May jump back; no id is ever made twice.
    public mutating func next(nowMs: UInt64) -> Outcome {
        guard nowMs >= Snowflake.epochMs, nowMs - Snowflake.epochMs < 1 << 41, lastMs < 1 << 41 else {
            return .clockOutOfRange
        }
        let now = nowMs - Snowflake.epochMs
        if now > lastMs {
            lastMs = now
            sequence = 0
        }
        if lastMs - now > Snowflake.toleratedBackwardJumpMs { return .waitUntil(ms: lastMs + Snowflake.epochMs) }
        guard sequence < Snowflake.idsPerMs else { return .waitUntil(ms: lastMs + 1 + Snowflake.epochMs) }
        defer { sequence += 1 }
        return .id(lastMs << 22 | UInt64(node.rawValue) << 12 | UInt64(sequence))
    }

    /// The millisecond since 1970 in which an id was made.
    public static func milliseconds(of id: UInt64) -> UInt64 { (id >> 22) + epochMs }
    public static func nodeNumber(of id: UInt64) -> UInt16 { UInt16(id >> 12 & 0x3FF) }
    public static func sequence(of id: UInt64) -> UInt16 { UInt16(id & 0xFFF) }
}
