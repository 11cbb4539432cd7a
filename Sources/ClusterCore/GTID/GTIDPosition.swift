/// A point in a history of transactions: the last GTID of each domain, as in `gtid_slave_pos` and `@slave_connect_state`.
public struct GTIDPosition: Hashable, Sendable, CustomStringConvertible {
    private var last: [UInt32: GTID] = [:]

    public init() {}

    public init(_ gtids: some Sequence<GTID>) { for gtid in gtids { advance(to: gtid) } }

    /// Parses `0-1-42,1-2-7`; the empty string is the empty position; nil for anything else.
    public init?(_ text: String) {
        self.init()
        for part in text.split(separator: ",") {
            guard let gtid = GTID(part.drop(while: { $0 == " " || $0 == "\n" })) else { return nil }
            advance(to: gtid)
        }
    }

    /// One GTID a domain, in the order of the domains.
    public var gtids: [GTID] { last.values.sorted { $0.domain < $1.domain } }
    public var isEmpty: Bool { last.isEmpty }
    public var description: String { gtids.map(\.description).joined(separator: ",") }

    public subscript(domain: UInt32) -> GTID? { last[domain] }

    /// Moves the GTID's domain forward; a sequence number at or below the present one changes nothing.
    public mutating func advance(to gtid: GTID) {
        if let present = last[gtid.domain], present.sequence >= gtid.sequence { return }
        last[gtid.domain] = gtid
    }

    public mutating func advance(to other: GTIDPosition) { for gtid in other.last.values { advance(to: gtid) } }

    /// Whether `gtid` lies at or before this position, by its domain's sequence numbers.
    public func covers(_ gtid: GTID) -> Bool { last[gtid.domain].map { $0.sequence >= gtid.sequence } ?? false }

    /// Whether every domain of `other` lies at or before this position.
    public func covers(_ other: GTIDPosition) -> Bool { other.last.values.allSatisfy(covers) }
}
