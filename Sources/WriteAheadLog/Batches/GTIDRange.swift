import ClusterCore

/// Consecutive transactions of one domain and server, as they follow each other in a batch.
public struct GTIDRange: Hashable, Sendable {
    public let domain: UInt32
    public let server: UInt32
    public private(set) var first: UInt64
    public private(set) var last: UInt64

    /// - Precondition: `first <= last`.
    public init(domain: UInt32, server: UInt32, first: UInt64, last: UInt64) {
        precondition(first <= last, "a GTID range from \(first) to \(last)")
        self.domain = domain
        self.server = server
        self.first = first
        self.last = last
    }

    public init(_ gtid: GTID) {
        self.init(domain: gtid.domain, server: gtid.server, first: gtid.sequence, last: gtid.sequence)
    }

    /// How many transactions; saturates at `Int.max`.
    public var count: Int {
        let distance = last - first
        return distance < UInt64(Int.max) ? Int(distance) + 1 : Int.max
    }
    public var firstGTID: GTID { GTID(domain: domain, server: server, sequence: first) }
    public var lastGTID: GTID { GTID(domain: domain, server: server, sequence: last) }

    public func contains(_ gtid: GTID) -> Bool {
        gtid.domain == domain && gtid.server == server && (first...last).contains(gtid.sequence)
    }

    /// Takes `gtid` in when it is the next one after `last`; false when it is not.
    mutating func extend(by gtid: GTID) -> Bool {
        guard gtid.domain == domain, gtid.server == server, last != .max, gtid.sequence == last + 1 else {
            return false
        }
        last = gtid.sequence
        return true
    }
}
