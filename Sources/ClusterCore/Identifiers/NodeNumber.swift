/// A member's number, 1 to 1023: its Raft identity, its MariaDB `server_id` and its Snowflake node number.
public struct NodeNumber: RawRepresentable, Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public let rawValue: UInt16

    public static let range: ClosedRange<UInt16> = 1...1023

    public init?(rawValue: UInt16) {
        guard NodeNumber.range.contains(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    /// - Precondition: `rawValue` is in ``range``.
    public init(_ rawValue: UInt16) {
        precondition(NodeNumber.range.contains(rawValue), "a node's number is 1 to 1023, not \(rawValue)")
        self.rawValue = rawValue
    }

    public var description: String { String(rawValue) }

    public static func < (a: NodeNumber, b: NodeNumber) -> Bool { a.rawValue < b.rawValue }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let value = try container.decode(UInt16.self)
        guard let number = NodeNumber(rawValue: value) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "a node's number is 1 to 1023, not \(value)")
        }
        self = number
    }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}
