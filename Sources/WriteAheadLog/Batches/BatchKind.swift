/// What a batch holds. Only transactions share a batch; every other entry stands alone in its own.
public enum BatchKind: UInt8, Sendable, CaseIterable {
    case noOp, membership, transactions, fragmentFirst, fragmentMiddle, fragmentLast

    var entryKind: EntryKind {
        switch self {
        case .noOp: .noOp
        case .membership: .membership
        case .transactions: .transaction
        case .fragmentFirst, .fragmentMiddle, .fragmentLast: .fragment
        }
    }

    var part: FragmentPart? {
        switch self {
        case .noOp, .membership, .transactions: nil
        case .fragmentFirst: .first
        case .fragmentMiddle: .middle
        case .fragmentLast: .last
        }
    }

    /// The kind of a batch that holds `entry`; nil when the entry's kind and part do not go together.
    init?(holding entry: Entry) {
        switch (entry.kind, entry.part) {
        case (.noOp, nil): self = .noOp
        case (.membership, nil): self = .membership
        case (.transaction, nil): self = .transactions
        case (.fragment, .first?): self = .fragmentFirst
        case (.fragment, .middle?): self = .fragmentMiddle
        case (.fragment, .last?): self = .fragmentLast
        case (.noOp, _?), (.membership, _?), (.transaction, _?), (.fragment, nil): return nil
        }
    }
}

/// How a batch's payload is compressed.
public enum Codec: UInt8, Sendable, CaseIterable {
    case none
    case lz4
}
