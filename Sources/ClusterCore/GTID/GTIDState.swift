/// Who wrote how far: the last sequence number of each (domain, server), as in `gtid_binlog_state`.
public struct GTIDState: Hashable, Sendable, CustomStringConvertible {
    private struct Key: Hashable {
        let domain: UInt32
        let server: UInt32
    }
    private var last: [Key: UInt64] = [:]

    public init() {}

    public init(_ gtids: some Sequence<GTID>) { for gtid in gtids { advance(to: gtid) } }

    /// Parses the text of `@@gtid_binlog_state`; the empty string is the empty state; nil for anything else.
    public init?(_ text: String) {
        self.init()
        for part in text.split(separator: ",") {
            guard let gtid = GTID(part.drop(while: { $0 == " " || $0 == "\n" })) else { return nil }
            advance(to: gtid)
        }
    }

    public var gtids: [GTID] {
        last.map { GTID(domain: $0.key.domain, server: $0.key.server, sequence: $0.value) }
            .sorted { ($0.domain, $0.sequence, $0.server) < ($1.domain, $1.sequence, $1.server) }
    }
    public var isEmpty: Bool { last.isEmpty }
    public var description: String { gtids.map(\.description).joined(separator: ",") }

    /// The last GTID of each domain.
    public var position: GTIDPosition { GTIDPosition(gtids) }

    public mutating func advance(to gtid: GTID) {
        let key = Key(domain: gtid.domain, server: gtid.server)
        last[key] = max(last[key] ?? 0, gtid.sequence)
    }

    public mutating func advance(to other: GTIDState) { for gtid in other.gtids { advance(to: gtid) } }
}
