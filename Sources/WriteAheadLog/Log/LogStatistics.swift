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

        mutating func add(batches: Int, bytes: Int, time: Duration) {
            groups += 1
            self.batches += UInt64(batches)
            self.bytes += UInt64(bytes)
            self.time += time
            slowest = max(slowest, time)
        }
    }
}
