import ClusterCore

/// The answer to a write.
public struct WriteAnswer: Sendable, Hashable, Codable {
    /// Where it stands in the replicated log; null when it changed nothing or its LSN is not at hand.
    @OrNull public var lsn: LSN?
    /// Null when it changed nothing.
    @OrNull public var gtid: String?
    /// The inserted row's key: the one that was made for it, or given, or AUTO_INCREMENT's.
    @OrNull public var id: RowID?
    public var affectedRows: UInt64
    /// True when an earlier request with the same key did it; then `gtid` is a position that holds the write. Else missing.
    public var replayed: Bool?

    enum CodingKeys: String, CodingKey {
        case lsn, gtid, id, replayed
        case affectedRows = "affected_rows"
    }

    public init(
        lsn: LSN? = nil, gtid: String? = nil, id: RowID? = nil, affectedRows: UInt64, replayed: Bool? = nil
    ) {
        self.lsn = lsn
        self.gtid = gtid
        self.id = id
        self.affectedRows = affectedRows
        self.replayed = replayed
    }
}

/// A row's key: a number or a text.
public enum RowID: Sendable, Hashable, Codable {
    case number(UInt64)
    case negative(Int64)
    case text(String)

    /// The same as a text, for clients whose numbers have 53 bits.
    var asText: RowID {
        switch self {
        case .number(let number): .text(String(number))
        case .negative(let number): .text(String(number))
        case .text: self
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            self = .number(try container.decode(UInt64.self))
        } catch {
            do { self = .negative(try container.decode(Int64.self)) } catch {
                self = .text(try container.decode(String.self))
            }
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let number): try container.encode(number)
        case .negative(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        }
    }
}
