#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension Log {
    /// How the log uses disk and memory.
    public struct Options: Sendable {
        /// A segment is full when the next batch would go beyond; only a batch that is larger by itself exceeds it.
        public var segmentBytesMax = 64 << 20
        /// Off, nothing outlives a loss of power; for tests and measurements.
        public var fsync = true
        /// Reserve a segment's whole space when it is created, so that the disk is full then and not in the middle.
        public var reservesSpace = true
        /// Zeros written ahead of the batches when a sync extends the written part of the file anyhow: the syncs that follow, up to
        /// there, need no journal commit of the file system.
        public var zeroAheadBytes = 256 << 10
        /// How much memory recently appended batches may use beyond those that are not durable yet.
        public var cacheBytesMax = 16 << 20
        /// How many bytes may wait for the disk before ``Log/append(_:)`` refuses.
        public var queueBytesMax = 64 << 20
        /// How many bytes one sync covers at most, so that notices come in time under load.
        public var groupBytesMax = 16 << 20
        /// The distance of two points of the index in memory.
        public var indexIntervalBytes = 256 << 10
        /// How many segments are kept open for reading.
        public var openFilesMax = 16
        /// Seconds since 1970.
        public var now: @Sendable () -> UInt64 = { UInt64(max(0, time(nil))) }

        public init() {}
    }
}
