/// How this node feeds one other member: an entry of `links` in `GET /status`.
public struct LinkRecord: Sendable, Hashable, Codable {
    public enum State: String, Sendable, Hashable, Codable, CaseIterable {
        /// Connected; whatever there is to send goes out.
        case up
        /// No connection: dialled again and again.
        case down
        /// The member's credit is used up: its disk is slower than the line.
        case waiting
        /// The member takes nothing for now, and says why in `obstacle`.
        case paused
        /// The log no longer reaches back to the member's position.
        case needsProvision = "needs_provision"
    }

    /// The member's `node.id`.
    public var peer: String
    public var state: State
    @OrNull public var rttMS: Double?
    /// `zstd`, or `none` when batches go out as they lie in the log.
    public var compression: String
    /// Of zstd.
    @OrNull public var level: Int?
    /// In effect on the bulk connections, as the kernel names it.
    @OrNull public var congestion: String?
    /// Why the configured one could not be had.
    @OrNull public var congestionRefused: String?
    public var streams: Int
    /// Sent since this node knows the member, before and after the link's compression.
    public var bytesRaw: UInt64
    public var bytesWire: UInt64
    /// Of the log, stored bytes that had been sent before.
    public var bytesResent: UInt64
    /// What the member lets this node send before it has digested more.
    public var creditBytes: UInt64
    public var queuedBytes: UInt64
    @OrNull public var obstacle: String?
    @OrNull public var lastFailure: String?
    /// Only while the member is far behind.
    @OrNull public var catchUp: CatchUp?

    enum CodingKeys: String, CodingKey {
        case peer, state, compression, level, congestion, streams, obstacle
        case rttMS = "rtt_ms"
        case congestionRefused = "congestion_refused"
        case bytesRaw = "bytes_raw"
        case bytesWire = "bytes_wire"
        case bytesResent = "bytes_resent"
        case creditBytes = "credit_bytes"
        case queuedBytes = "queued_bytes"
        case lastFailure = "last_failure"
        case catchUp = "catch_up"
    }

    public init(
        peer: String, state: State, rttMS: Double? = nil, compression: String = "none", level: Int? = nil,
        congestion: String? = nil, congestionRefused: String? = nil, streams: Int = 0, bytesRaw: UInt64 = 0,
        bytesWire: UInt64 = 0, bytesResent: UInt64 = 0, creditBytes: UInt64 = 0, queuedBytes: UInt64 = 0,
        obstacle: String? = nil, lastFailure: String? = nil, catchUp: CatchUp? = nil
    ) {
        self.peer = peer
        self.state = state
        self.rttMS = rttMS
        self.compression = compression
        self.level = level
        self.congestion = congestion
        self.congestionRefused = congestionRefused
        self.streams = streams
        self.bytesRaw = bytesRaw
        self.bytesWire = bytesWire
        self.bytesResent = bytesResent
        self.creditBytes = creditBytes
        self.queuedBytes = queuedBytes
        self.obstacle = obstacle
        self.lastFailure = lastFailure
        self.catchUp = catchUp
    }
}

/// How far a member that was left behind still has to go until its disk has the log. Bytes are those of the log, as they
/// lie on the leader's disk.
public struct CatchUp: Sendable, Hashable, Codable {
    public var entriesLeft: UInt64
    public var bytesLeft: UInt64
    public var bytesPerSecond: UInt64
    /// Nil while it is not getting nearer.
    @OrNull public var etaSeconds: Double?
    /// What was left when it began.
    public var bytesAtBegin: UInt64

    enum CodingKeys: String, CodingKey {
        case entriesLeft = "entries_left"
        case bytesLeft = "bytes_left"
        case bytesPerSecond = "bytes_per_s"
        case etaSeconds = "eta_seconds"
        case bytesAtBegin = "bytes_at_begin"
    }

    public init(
        entriesLeft: UInt64, bytesLeft: UInt64, bytesPerSecond: UInt64, etaSeconds: Double?, bytesAtBegin: UInt64
    ) {
        self.entriesLeft = entriesLeft
        self.bytesLeft = bytesLeft
        self.bytesPerSecond = bytesPerSecond
        self.etaSeconds = etaSeconds
        self.bytesAtBegin = bytesAtBegin
    }

    /// 0 to 1.
    public var fractionDone: Double {
        bytesAtBegin == 0 ? 1 : 1 - min(1, Double(bytesLeft) / Double(bytesAtBegin))
    }
}
