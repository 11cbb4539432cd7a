import ClusterCore

/// What has become of a fragmented transaction.
public enum FragmentedTransaction: Hashable, Sendable {
    case complete(last: LSN)
    /// The entry there shows that its last fragment will never come: it does not count and must not be served.
    case abandoned(at: LSN)
    /// So far the log ends with it.
    case unfinished
}

extension Log {
    /// Whether the fragmented transaction that begins at `first` is complete, and where. Reads headers only; for a transaction of 2 GB
    /// that takes some milliseconds.
    ///
    /// Throws ``WALError/invalidEntries(_:)`` when no first fragment lies at `first`.
    public func fragmentedTransaction(at first: LSN) throws(WALError) -> FragmentedTransaction {
        guard let head = try headers(from: first, limit: 1).first, head.kind == .fragmentFirst else {
            throw .invalidEntries("no first fragment lies at LSN \(first)")
        }
        var history = History()
        history.apply(head)
        var last = first
        while true {
            let headers = try headers(from: last.next, limit: Self.headersAtOnce)
            guard let newest = headers.last else { return .unfinished }
            for header in headers {
                if header.kind == .fragmentLast, history.continues(header) { return .complete(last: header.first) }
                history.apply(header)
                if history.open?.first != first { return .abandoned(at: header.first) }
            }
            last = newest.last
        }
    }

    private static let headersAtOnce = 256
}
