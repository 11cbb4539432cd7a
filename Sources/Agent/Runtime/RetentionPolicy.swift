import ClusterCore

/// How much of the log is kept. Pure: the time comes in.
///
/// A segment goes when it is older than `wal.retention_hours` and every member has applied it. Beyond `wal.max_size_mb` the oldest go
/// anyhow, as far as this node's own database has them; a member that is left behind by it needs a fresh copy and is told so.
struct RetentionPolicy: Sendable {
    struct Segment: Sendable, Equatable {
        var last: LSN
        var fileBytes: UInt64
        /// When it was full, seconds since 1970; nil while it takes more.
        var sealed: UInt64?
    }

    var keepSeconds: UInt64
    var sizeMaxBytes: UInt64

    /// - Parameters:
    ///   - segments: oldest first; the newest one is never given up.
    ///   - applied: What this node's own database has.
    ///   - everywhere: What every member has applied; nil while one of them has not been heard of.
    ///   - mayLeaveBehind: Whether the size counts more than a member that lacks the entries.
    ///   - now: seconds since 1970.
    /// - Returns: the end of what may go; nil when nothing may.
    func purgeable(_ segments: [Segment], applied: LSN, everywhere: LSN?, mayLeaveBehind: Bool = true, now: UInt64)
        -> LSN?
    {
        let horizon = now > keepSeconds ? now - keepSeconds : 0
        let size = segments.reduce(0) { $0 + $1.fileBytes }
        var excess = size > sizeMaxBytes ? size - sizeMaxBytes : 0
        var through: LSN?
        for segment in segments.dropLast() {
            let isOld = segment.sealed.map { $0 < horizon } ?? false
            let isSpare = everywhere.map { segment.last <= $0 } ?? false
            guard segment.last <= applied, (isOld && isSpare) || (excess > 0 && (mayLeaveBehind || isSpare)) else {
                break
            }
            through = segment.last
            excess = excess > segment.fileBytes ? excess - segment.fileBytes : 0
        }
        return through
    }
}
