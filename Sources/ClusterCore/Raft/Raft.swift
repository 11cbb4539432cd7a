/// One node's part in the consensus: events in, effects out, no clock, no chance, no I/O.
///
/// D. Ongaro, J. Ousterhout: "In Search of an Understandable Consensus Algorithm" (extended version, 2014), cited here as
/// *Raft*; D. Ongaro: "Consensus: Bridging Theory and Practice" (2014), cited as *thesis*. What is particular here:
///
/// - The log's unit is the batch (``BatchDescriptor``). The core sees LSNs, terms and sizes, never payloads, and remembers
///   of the log only where the terms begin.
/// - An entry counts where it is durable. The caller reports what its own disk holds (``RaftEvent/durable(_:)``); a
///   follower's answers and a leader's own weight in the commit index move by that alone, so a leader may send a batch
///   while it still writes it (thesis, section 10.2.1).
/// - Sending is pulled: the caller asks for the head of a peer's next append when its link has room, attaches batches
///   from its cache or disk, and says what it sent.
public struct Raft: Sendable {
    public let node: NodeNumber
    let timing: RaftTiming
    let electsItself: Bool
    var random: SplitMix64

    public internal(set) var hardState: HardState
    public internal(set) var role = RaftRole.follower
    /// Who leads the term, as far as this node knows.
    public internal(set) var leader: NodeNumber?
    public internal(set) var log: LogSummary
    /// The end of what is on the local disk.
    public internal(set) var durable: LSN
    public internal(set) var committed: LSN
    /// Where committed entries here contradict the cluster's; see ``RaftNotice/diverged(at:leader:)``.
    public internal(set) var divergedAt: LSN?
    public internal(set) var mayLead = true

    var memberships: MembershipHistory
    /// When this node asks for votes, unless it hears from a leader before.
    var electionDeadline: Instant
    var follower: FollowerState
    var election: Election?
    var leadership: Leadership?

    /// - Parameters:
    ///   - hardState: As persisted. The log's last term counts when it is later, as after provisioning.
    ///   - log: What recovery found on disk; all of it is durable.
    ///   - memberships: The latest membership entries of the log, at least those that are not known to be committed and
    ///     the one before them. Empty in a node that waits to be let in. Records whose entry is not in the log (any more)
    ///     are left out, so a caller that keeps them elsewhere writes them there before the batch that brings them.
    ///   - committed: The highest commit index known for certain, not later than in `hardState`'s term; ``LSN/zero`` will do.
    ///   - now: Counts as if a leader was heard of: the node cannot know that none was just before it stopped.
    public init(
        configuration: RaftConfiguration, hardState: HardState, log: LogSummary, memberships: [MembershipRecord],
        committed: LSN, now: Instant
    ) {
        node = configuration.node
        timing = RaftTiming(configuration)
        electsItself = !configuration.disableAutoElection
        random = SplitMix64(seed: configuration.seed)
        self.hardState = log.lastTerm > hardState.term ? HardState(term: log.lastTerm) : hardState
        self.log = log
        durable = log.last
        let known = min(max(committed, log.base.lsn), log.last)
        self.committed = known
        self.memberships = MembershipHistory(
            memberships.filter { $0.position.lsn < log.base.lsn || log.contains($0.position) })
        self.memberships.commit(through: known)
        follower = FollowerState(matched: .zero, leaderContact: now)
        electionDeadline = now
        follower.matched = sharedWithEveryLeader
        // Who is alone has nobody to wait for.
        if membership.voters.map(\.number) != [node] { resetElectionDeadline(now) }
    }

    public var term: Term { hardState.term }
    public var votedFor: NodeNumber? { hardState.votedFor }
    public var last: LSN { log.last }
    /// The one in force: the last in the log, committed or not (thesis, section 4.1).
    public var membership: Membership { memberships.current }
    /// The entry that brought ``membership``.
    public var membershipLSN: LSN { memberships.lsn }
    /// The last one that is committed, as far as known here, and the uncommitted ones after it.
    public var membershipRecords: [MembershipRecord] { memberships.records }
    public var ownRole: Role? { membership[node]?.role }

    /// What this leader knows of every other member; empty when it does not lead.
    public var peers: [PeerProgress] { leadership?.peers ?? [] }
    public func progress(of peer: NodeNumber) -> PeerProgress? { leadership?.peers.first { $0.peer == peer } }

    /// Whether this leader's first entry is committed, and with it everything before it (Raft, section 8).
    /// The LSN of the first entry of the term that this node leads; nil when it does not lead.
    public var termStart: LSN? { leadership?.noOp }
    public var noOpCommitted: Bool { leadership.map { committed >= $0.noOp } ?? false }
    /// Whether this node leads only to hand over its log: it is a witness, or its database cannot serve (any more). It may hold
    /// committed entries that no other live voter has, and then only it can be elected. As soon as some voter that can
    /// serve is there and has the log, leadership goes to it. Its database must not become writable.
    public var isCaretaker: Bool { role == .leader && !canServe }
    /// The voter that is being asked to take over.
    public var transferTarget: NodeNumber? { leadership?.transfer?.target }

    /// When ``RaftEvent/tick`` has something to do, if nothing happens before.
    public var nextDeadline: Instant {
        if let leadership { return leadership.heartbeatDue }
        if let election { return min(election.askAgainAt, electionDeadline) }
        return electionDeadline
    }

    /// Takes in what happened; the caller carries out what comes back (``RaftEffects``).
    ///
    /// `now` must never be earlier than in a call before.
    public mutating func handle(_ event: RaftEvent, now: Instant) -> RaftEffects {
        var effects = RaftEffects()
        switch event {
        case .tick: tick(now, &effects)
        case .message(let peer, let message): receive(message, from: peer, now, &effects)
        case .lineReset(let peer): resetLine(to: peer, &effects)
        case .durable(let position): advanceDurable(to: position, now, &effects)
        case .trimmed(let lsn): trim(through: lsn, &effects)
        case .provisioned(let base, let record, let term): provision(base, record, asOf: term, now, &effects)
        case .campaign: startElection(.forced, now, &effects)
        case .transferLeadership(let target): startTransfer(to: target, now, &effects)
        case .stepDown(let reason):
            if role == .leader { becomeFollower(reason: .requested(reason), now, &effects) }
        case .mayLead(let allowed): setMayLead(allowed, now, &effects)
        case .forceMembership(let membership, let bytes): forceMembership(membership, bytes: bytes, now, &effects)
        }
        return effects
    }

    private mutating func tick(_ now: Instant, _ effects: inout RaftEffects) {
        switch role {
        case .leader: tickLeader(now, &effects)
        case .candidate, .preCandidate: tickElection(now, &effects)
        case .follower: if now >= electionDeadline { startElection(.timeout, now, &effects) }
        }
    }

    private mutating func receive(
        _ message: RaftMessage, from peer: NodeNumber, _ now: Instant, _ effects: inout RaftEffects
    ) {
        guard peer != node else { return effects.note(.malformed(from: peer, "it claims to come from this node")) }
        switch message {
        case .voteRequest(let request): receive(request, from: peer, now, &effects)
        case .voteReply(let reply): receive(reply, from: peer, now, &effects)
        case .append(let append): receive(append, from: peer, now, &effects)
        case .appendReply(let reply): receive(reply, from: peer, now, &effects)
        case .heartbeat(let heartbeat): receive(heartbeat, from: peer, now, &effects)
        case .heartbeatReply(let reply): receive(reply, from: peer, now, &effects)
        case .timeoutNow(let request): receive(request, from: peer, now, &effects)
        }
    }

    /// The local log is on disk up to `position`.
    private mutating func advanceDurable(to position: LogPosition, _ now: Instant, _ effects: inout RaftEffects) {
        guard position.lsn > durable, log.contains(position) else { return }
        durable = position.lsn
        if role == .leader { advanceCommit(now, &effects) } else { reportDurable(&effects) }
    }

    private mutating func trim(through lsn: LSN, _ effects: inout RaftEffects) {
        precondition(lsn <= committed, "cannot trim through \(lsn): committed is \(committed)")
        log.trim(through: lsn)
        noticePeersLeftBehind(&effects)
    }

    private mutating func setMayLead(_ allowed: Bool, _ now: Instant, _ effects: inout RaftEffects) {
        guard mayLead != allowed else { return }
        mayLead = allowed
        if allowed {
            let present = electionDeadline
            resetElectionDeadline(now)
            electionDeadline = min(electionDeadline, present)
        } else if election != nil {
            becomeFollower(reason: .mayNotLead, now, &effects)
        }
    }

    /// Whether this node could do a leader's whole work.
    var canServe: Bool { mayLead && roleForElection?.mayLead == true }

    /// Who cannot serve leaves those who can a whole timeout more.
    mutating func resetElectionDeadline(_ now: Instant) {
        let patience = canServe ? timing.electionMin : timing.electionMin + timing.electionMax
        electionDeadline = now.advanced(
            byNanoseconds: patience + random.below(timing.electionMax - timing.electionMin))
    }
}
