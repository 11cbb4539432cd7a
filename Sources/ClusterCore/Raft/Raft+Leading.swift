/// A leader: taking proposals, feeding the peers, and knowing whether it still has a majority.
extension Raft {
    /// Gives the next LSNs to `count` entries. The caller writes them as one batch to its own log, reports it durable, and
    /// pumps the peers (``nextAppend(to:)``).
    public mutating func propose(count: Int, bytes: Int) throws(ProposeError) -> BatchDescriptor {
        precondition(count > 0 && count <= Int(Int32.max), "a batch has 1 to 2^31 - 1 entries, not \(count)")
        try checkProposable()
        return appendOwn(count: count, bytes: bytes, membership: nil)
    }

    func checkProposable() throws(ProposeError) {
        guard let leadership else { throw .notLeader(hint: leader) }
        if ownRole == .witness { throw .caretaker }
        if let transfer = leadership.transfer { throw .transferInProgress(to: transfer.target) }
    }

    mutating func appendOwn(count: Int, bytes: Int, membership: Membership?) -> BatchDescriptor {
        let batch = BatchDescriptor(
            first: log.last.next, count: count, term: term, bytes: bytes, membership: membership)
        log.append(count: count, term: term)
        return batch
    }

    /// Heartbeats, unanswered probes, check-quorum and the end of a transfer.
    mutating func tickLeader(_ now: Instant, _ effects: inout RaftEffects) {
        if !quorumReachable(now) { return becomeFollower(reason: .quorumLost, now, &effects) }
        expireTransfer(now, &effects)
        pushCommit(now, &effects)
        guard let due = leadership?.heartbeatDue, now >= due else { return }
        leadership?.heartbeatDue = now.advanced(byNanoseconds: timing.heartbeat)
        for index in peers.indices { beat(index, now, &effects) }
        if isCaretaker { handOver(now, &effects) }
        askTransferTarget(&effects)
    }

    private mutating func beat(_ index: Int, _ now: Instant, _ effects: inout RaftEffects) {
        guard let peer = leadership?.peers[index] else { return }
        effects.send(
            .heartbeat(Heartbeat(term: term, commit: min(committed, peer.match), sentAt: now)), to: peer.peer)
        guard peer.isProbing else { return }
        leadership?.peers[index].isProbing = false
        leadership?.peers[index].repeatsProbe = true
        effects.pump.append(peer.peer)
    }

    /// Whether a majority has answered a heartbeat that was sent within the minimal election timeout.
    public func quorumReachable(_ now: Instant) -> Bool {
        guard let leadership else { return false }
        var reachable = ownRole?.votes == true ? 1 : 0
        for peer in leadership.peers where peer.votes && now.nanoseconds(since: peer.confirmed) <= timing.electionMin {
            reachable += 1
        }
        return reachable >= membership.quorum
    }

    // MARK: Sending

    /// The head of the append that `peer` should get now; nil when it needs none, or has to answer first.
    ///
    /// The caller attaches the batches that follow `prev`, if it may, as many as its link has room for (none will do), sends
    /// it and says so with ``sent(_:to:through:)``. Then it asks again.
    public func nextAppend(to peer: NodeNumber) -> AppendRequest? {
        guard let progress = progress(of: peer) else { return nil }
        let mayCarryEntries: Bool
        switch progress.state {
        case .needsProvision: return nil
        case .probe:
            if progress.isProbing { return nil }
            mayCarryEntries = !progress.repeatsProbe && progress.next <= log.last
        case .replicate:
            mayCarryEntries = progress.next <= log.last
            guard mayCarryEntries || progress.checksArrival || progress.tellsCommit(committed) else { return nil }
        }
        let prev = progress.next.previous
        guard let prevTerm = log.term(at: prev) else { return nil }
        return AppendRequest(
            term: term, prev: LogPosition(lsn: prev, term: prevTerm), commit: committed,
            mayCarryEntries: mayCarryEntries)
    }

    /// `request` was handed to the peer's link, with batches that end at `through`; `request.prev.lsn` if there were none.
    ///
    /// Returns false, and changes nothing, when the request has been overtaken by events since it was asked for; sending it
    /// nonetheless does no harm.
    @discardableResult
    public mutating func sent(_ request: AppendRequest, to peer: NodeNumber, through: LSN) -> Bool {
        guard request.term == term, let index = index(of: peer), let progress = leadership?.peers[index],
            progress.next.previous == request.prev.lsn, through >= request.prev.lsn, through <= log.last
        else { return false }
        switch progress.state {
        case .needsProvision: return false
        case .probe: leadership?.peers[index].isProbing = true
        case .replicate:
            leadership?.peers[index].next = through.next
            leadership?.peers[index].checksArrival = false
        }
        leadership?.peers[index].commitTold = request.commit
        leadership?.peers[index].owesCommit = false
        return true
    }

    /// What was sent to `peer` may be lost. It is asked what it has, without entries: whatever were sent beyond a gap would be
    /// refused, and cross a thin line for nothing.
    mutating func resetLine(to peer: NodeNumber, _ effects: inout RaftEffects) {
        guard let index = index(of: peer), let progress = leadership?.peers[index] else { return }
        switch progress.state {
        case .needsProvision: return
        case .probe, .replicate: leadership?.peers[index].probe(from: progress.next)
        }
        leadership?.peers[index].repeatsProbe = true
        effects.pump.append(peer)
    }

    func index(of peer: NodeNumber) -> Int? { leadership?.peers.firstIndex { $0.peer == peer } }
}
