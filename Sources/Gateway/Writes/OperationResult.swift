import ClusterCore

/// What one operation did.
public struct OperationResult: Sendable, Hashable, Codable {
    public var affectedRows: UInt64
    /// As in ``WriteAnswer/id``.
    @OrNull public var id: RowID?

    enum CodingKeys: String, CodingKey {
        case id
        case affectedRows = "affected_rows"
    }

    public init(affectedRows: UInt64, id: RowID? = nil) {
        self.affectedRows = affectedRows
        self.id = id
    }
}

/// The answer to a transaction.
public struct TransactionAnswer: Sendable, Hashable, Codable {
    /// As in ``WriteAnswer``.
    @OrNull public var lsn: LSN?
    @OrNull public var gtid: String?
    /// In the order of the operations.
    public var results: [OperationResult]
    /// True when an earlier request with the same key did it; then `gtid` is a position that holds the transaction.
    public var replayed: Bool?

    public init(lsn: LSN? = nil, gtid: String? = nil, results: [OperationResult], replayed: Bool? = nil) {
        self.lsn = lsn
        self.gtid = gtid
        self.results = results
        self.replayed = replayed
    }
}
