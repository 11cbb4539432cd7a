extension Log {
    /// What the log's thread has done since the log was opened.
    public struct Statistics: Hashable, Sendable {
        /// How many times it synced; each covers a group of batches.
        public internal(set) var groups: UInt64 = 0
        public internal(set) var batches: UInt64 = 0
        public internal(set) var bytes: UInt64 = 0
        /// Writing and syncing, all groups together.
        public internal(set) var time: Duration = .zero
        /// The group that took longest.
        public internal(set) var slowest: Duration = .zero

        /// Upper bounds of ``timeCounts`` in seconds.
        public static let timeBounds = [
            0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
        ]
        /// Groups by how long they took; the last one counts those above all bounds.
        public internal(set) var timeCounts = [UInt64](repeating: 0, count: timeBounds.count + 1)

        mutating func add(batches: Int, bytes: Int, time: Duration) {
            groups += 1
            self.batches += UInt64(batches)
            self.bytes += UInt64(bytes)
            self.time += time
            slowest = max(slowest, time)
            let seconds = time / .seconds(1)
            timeCounts[Self.timeBounds.firstIndex { seconds <= $0 } ?? Self.timeBounds.count] += 1
        }
    }
}
