/// A Raft term: at most one leader is elected in each. ``zero`` is before any election.
public struct Term: RawRepresentable, Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    public static let zero = Term(0)
    /// Above this no term can be: it leaves room for elections and eras to come. Readers of bytes refuse what is above.
    public static let limit = Term(1 << 62)

    public var description: String { String(rawValue) }
    public var next: Term { Term(rawValue + 1) }

    /// Terms come in eras of about a million. A membership that was forced by a sole survivor begins a new one, so that no election among
    /// those it left behind can reach its term.
    public var era: UInt64 { rawValue >> Self.eraBits }
    public var nextEra: Term { Term((era + 1) << Self.eraBits) }
    private static let eraBits: UInt64 = 20

    public static func < (a: Term, b: Term) -> Bool { a.rawValue < b.rawValue }

    public init(from decoder: any Decoder) throws { rawValue = try decoder.singleValueContainer().decode(UInt64.self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}
