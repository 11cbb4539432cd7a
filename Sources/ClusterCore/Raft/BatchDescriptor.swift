/// A batch as the core sees it: a run of entries of one term, made once by that term's leader, written whole or not at
/// all, and never split again. So two logs can only part at the edge of a batch.
///
/// A no-op and a membership change each stand alone in their batch.
public struct BatchDescriptor: Sendable, Hashable {
    public var first: LSN
    /// At least 1.
    public var count: Int
    public var term: Term
    /// The size of the payload; the core only passes it on.
    public var bytes: Int
    /// The new membership, when that is what the batch's only entry says.
    public var membership: Membership?

    public init(first: LSN, count: Int, term: Term, bytes: Int, membership: Membership? = nil) {
        self.first = first
        self.count = count
        self.term = term
        self.bytes = bytes
        self.membership = membership
    }

    public var last: LSN { LSN(first.rawValue + UInt64(count) - 1) }
    public var end: LogPosition { LogPosition(lsn: last, term: term) }

    /// Whether it is one that a leader can have made; a descriptor from a wire may be anything.
    var isWellFormed: Bool {
        count >= 1 && count <= Int(Int32.max) && first > .zero && first.rawValue <= UInt64(Int64.max) && bytes >= 0
            && (membership == nil || count == 1)
    }
}
