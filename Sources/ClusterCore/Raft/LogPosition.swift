/// An entry by LSN and term. Two logs that hold an entry of the same LSN and term are equal up to it (Raft, section 5.3).
public struct LogPosition: Sendable, Hashable, Codable, CustomStringConvertible {
    public var lsn: LSN
    public var term: Term

    public init(lsn: LSN, term: Term) {
        self.lsn = lsn
        self.term = term
    }

    public static let zero = LogPosition(lsn: .zero, term: .zero)

    public var description: String { "\(lsn)@\(term)" }

    /// Whether a log that ends here is at least as up to date as one that ends at `other` (Raft, section 5.4.1).
    public func isUpToDate(with other: LogPosition) -> Bool { (term, lsn) >= (other.term, other.lsn) }
}
