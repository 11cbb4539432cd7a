/// The index of an entry in the replicated log (Raft's log index). The first entry is 1; ``zero`` stands before it.
public struct LSN: RawRepresentable, Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    public static let zero = LSN(0)
    /// Above this no entry can be: it leaves room to count on without overflow. Readers of bytes refuse what is above.
    public static let limit = LSN(UInt64(Int64.max))

    public var description: String { String(rawValue) }
    public var next: LSN { LSN(rawValue + 1) }
    /// The LSN before this one; ``zero`` has none and stays itself.
    public var previous: LSN { LSN(rawValue == 0 ? 0 : rawValue - 1) }

    public static func < (a: LSN, b: LSN) -> Bool { a.rawValue < b.rawValue }
    public static func + (lsn: LSN, entries: Int) -> LSN { LSN(rawValue: lsn.rawValue + UInt64(entries)) }
    /// How many entries lie in (b, a]; 0 when `b` is not below `a`.
    public static func - (a: LSN, b: LSN) -> UInt64 { a.rawValue > b.rawValue ? a.rawValue - b.rawValue : 0 }

    public init(from decoder: any Decoder) throws { rawValue = try decoder.singleValueContainer().decode(UInt64.self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}
