/// A value bound to a `?` of a prepared statement.
public enum SQLValue: Sendable, Hashable {
    case null
    case int64(Int64)
    case uint64(UInt64)
    case double(Double)
    /// An exact number as text, `-12345678901234567890.5`; DECIMAL to the server.
    case decimal(String)
    /// Sent in the session's character set, utf8mb4.
    case string(String)
    /// Sent as binary, without a character set.
    case bytes([UInt8])
}

extension SQLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral {
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .int64(value) }
    public init(nilLiteral: ()) { self = .null }
}
