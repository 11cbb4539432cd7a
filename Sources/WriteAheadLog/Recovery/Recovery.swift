import ClusterCore
import NIOCore

/// A membership entry, as it lies in the log or in the state store.
public struct StoredMembership: Hashable, Sendable {
    public var lsn: LSN
    /// JSON.
    public var body: ByteBuffer

    public init(lsn: LSN, body: ByteBuffer) {
        self.lsn = lsn
        self.body = body
    }
}

/// What opening the log found.
public struct Recovery: Sendable {
    /// The entry before the first one kept, and its term.
    public let base: LSN
    public let baseTerm: Term
    /// The terms of the entries kept: each run begins at its `first`, the first run at the first entry.
    public let termRuns: [TermRun]
    public let last: LSN
    /// The newest memberships in the log, ascending, at most four; those before may have been purged.
    public let memberships: [StoredMembership]
    /// After the last entry.
    public let state: GTIDState
    /// What was invalid and removed; nil when everything was valid.
    public let cut: Cut?
    public let duration: Duration

    public struct Cut: Hashable, Sendable, CustomStringConvertible {
        /// The file of the first invalid batch.
        public let segment: String
        public let offset: UInt64
        /// The last valid entry.
        public let after: LSN
        /// What was cut of that file, reserved space not counted.
        public let bytes: UInt64
        /// How many later segments were removed.
        public let segmentsRemoved: Int
        public let reason: String

        public var description: String {
            "cut after LSN \(after): \(bytes) bytes of \(segment) from offset \(offset) on (\(reason))"
                + (segmentsRemoved > 0 ? ", and \(segmentsRemoved) later segments" : "")
        }
    }
}
