/// A membership and the entry that brought it.
public struct MembershipRecord: Sendable, Hashable, Codable {
    /// Of the entry. The term tells an entry that was truncated from another that took its LSN.
    public var position: LogPosition
    public var membership: Membership

    public init(position: LogPosition, membership: Membership) {
        self.position = position
        self.membership = membership
    }
}

/// The latest membership, which is in force whether committed or not, and those it falls back to when the log is truncated
/// (thesis, section 4.1). Trimmed to the last committed one and what follows.
struct MembershipHistory: Sendable {
    private(set) var records: [MembershipRecord]

    init(_ records: [MembershipRecord]) {
        self.records = records.sorted { $0.position.lsn < $1.position.lsn }
    }

    var current: Membership { records.last?.membership ?? Membership() }
    /// Where the current one stands in the log.
    var lsn: LSN { records.last?.position.lsn ?? .zero }
    /// The one that a truncation would bring back.
    var previous: Membership? { records.dropLast().last?.membership }

    mutating func append(_ record: MembershipRecord) { records.append(record) }

    /// Whether the current membership changed by it.
    mutating func truncate(after lsn: LSN) -> Bool {
        let count = records.count
        records.removeAll { $0.position.lsn > lsn }
        return records.count != count
    }

    /// Forgets what the log can no longer fall back to.
    mutating func commit(through lsn: LSN) {
        guard let latest = records.lastIndex(where: { $0.position.lsn <= lsn }), latest > 0 else { return }
        records.removeFirst(latest)
    }
}
