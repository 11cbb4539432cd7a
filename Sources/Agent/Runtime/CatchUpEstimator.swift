import ClusterCore
import DequeModule
import Gateway

/// From looks at how far a member is, twice a second or so: whether it is catching up, how fast, and how long it will take.
/// The time comes from outside.
struct CatchUpEstimator: Sendable {
    /// A member that is this far behind is catching up until it is within the second.
    static let beginBytes: UInt64 = 4 << 20
    static let endBytes: UInt64 = 512 << 10
    /// Rates are those of the last so many looks.
    static let looksMax = 20

    private struct Look {
        var at: ClusterCore.Instant
        var left: UInt64
        /// What the member has confirmed since the first look.
        var confirmed: UInt64
    }
    private var looks: Deque<Look> = []
    private var match: LSN?
    private var confirmed: UInt64 = 0
    private(set) var bytesAtBegin: UInt64?

    var isCatchingUp: Bool { bytesAtBegin != nil }

    /// - Parameters:
    ///   - match: What the member has on disk.
    ///   - left: Bytes of the log after it.
    ///   - bytesAfter: The same for any other position, now.
    mutating func look(at match: LSN, left: UInt64, now: ClusterCore.Instant, bytesAfter: (LSN) -> UInt64) {
        if let before = self.match, match > before {
            let then = bytesAfter(before)
            confirmed += then > left ? then - left : 0
        }
        self.match = match
        looks.append(Look(at: now, left: left, confirmed: confirmed))
        if looks.count > Self.looksMax { looks.removeFirst() }
        if bytesAtBegin == nil, left >= Self.beginBytes {
            bytesAtBegin = left
        } else if left <= Self.endBytes {
            bytesAtBegin = nil
        }
        if let begin = bytesAtBegin { bytesAtBegin = max(begin, left) }
    }

    /// Nil while the member is not behind.
    func state(entriesLeft: UInt64) -> CatchUp? {
        guard let bytesAtBegin, let first = looks.first, let last = looks.last else { return nil }
        let seconds = last.at.duration(since: first.at) / .seconds(1)
        guard seconds > 0 else {
            return CatchUp(
                entriesLeft: entriesLeft, bytesLeft: last.left, bytesPerSecond: 0, etaSeconds: nil,
                bytesAtBegin: bytesAtBegin)
        }
        let rate = Double(last.confirmed - first.confirmed) / seconds
        // What is written meanwhile has to be sent too.
        let nearer = (Double(first.left) - Double(last.left)) / seconds
        return CatchUp(
            entriesLeft: entriesLeft, bytesLeft: last.left, bytesPerSecond: UInt64(max(0, rate)),
            etaSeconds: nearer > 1 ? Double(last.left) / nearer : nil, bytesAtBegin: bytesAtBegin)
    }
}
