import ClusterCore

/// When the loop may wait for the disk itself: only while the disk has lately been quick. One slow sync, and the log's own thread does
/// it for a while; so a stalled disk holds up the loop, and with it the answers to heartbeats, once and not for long.
struct DiskPatience {
    /// More than this at once is a catch-up, which is the other thread's work.
    static let bytesMax = 64 << 10
    private static let slow = Duration.milliseconds(4)
    private static let rest = Duration.seconds(2)

    private var restsUntil = Instant.zero

    func allows(_ now: Instant) -> Bool { now >= restsUntil }

    mutating func finished(_ start: Instant, _ end: Instant) {
        if end.duration(since: start) > Self.slow { restsUntil = end + Self.rest }
    }
}
