/// How a leader feeds a peer.
public enum ReplicationState: String, Sendable, Hashable, Codable {
    /// It is not known where the logs agree: one append at a time.
    case probe
    /// The logs agree: appends are sent without waiting for answers.
    case replicate
    /// The peer needs entries that the leader no longer keeps.
    case needsProvision
}

/// What a leader knows of another member.
public struct PeerProgress: Sendable, Hashable {
    public let peer: NodeNumber
    /// Whether it counts for a majority.
    public internal(set) var votes: Bool
    public internal(set) var state: ReplicationState = .probe
    /// Up to here its log is on its disk and equal to the leader's.
    public internal(set) var match: LSN = .zero
    /// The first entry to send next.
    public internal(set) var next: LSN
    /// When it was last heard of; nil when never in this term.
    public internal(set) var lastContact: Instant?

    /// Whether its database could serve, as it said last.
    public internal(set) var mayLead: Bool?

    /// When the newest heartbeat that it answered was *sent*: what it last confirmed may be that old.
    var confirmed: Instant
    /// As its last heartbeat reply said; `next` beyond it, unmoved for a heartbeat, means that something was lost.
    var received: LSN = .zero
    /// The commit index that the last append told.
    var commitTold: LSN = .zero
    /// It is to be told the commit index even if there is nothing else to send.
    var owesCommit = false
    /// A probe is on its way.
    var isProbing = false
    /// The probe was not answered in time: ask again, without entries.
    var repeatsProbe = false
    /// Ask whether what was sent has arrived.
    var checksArrival = false

    init(peer: NodeNumber, votes: Bool, next: LSN, now: Instant) {
        self.peer = peer
        self.votes = votes
        self.next = next
        confirmed = now
    }

    func tellsCommit(_ committed: LSN) -> Bool { owesCommit && commitTold < committed }

    mutating func probe(from next: LSN) {
        state = .probe
        self.next = next
        isProbing = false
        repeatsProbe = false
        checksArrival = false
    }

    mutating func replicate(from next: LSN) {
        state = .replicate
        self.next = next
        isProbing = false
        repeatsProbe = false
    }
}
