/// A follower: taking in the leader's log (Raft, section 5.3).
extension Raft {
    mutating func receive(
        _ heartbeat: Heartbeat, from peer: NodeNumber, _ now: Instant, _ effects: inout RaftEffects
    ) {
        if accept(leader: peer, of: heartbeat.term, now, &effects) {
            follower.leaderCommit = max(follower.leaderCommit, heartbeat.commit)
            advanceFollowerCommit(&effects)
        } else if heartbeat.term == term {
            return
        }
        let reply = HeartbeatReply(
            term: term, sentAt: heartbeat.sentAt, durable: durableMatch, received: follower.matched, mayLead: mayLead)
        effects.send(.heartbeatReply(reply), to: peer)
    }

    mutating func receive(
        _ append: AppendEntries, from peer: NodeNumber, _ now: Instant, _ effects: inout RaftEffects
    ) {
        guard isWellFormed(append) else {
            return effects.note(.malformed(from: peer, "its batches do not follow each other"))
        }
        guard accept(leader: peer, of: append.term, now, &effects) else {
            if append.term < term { replyAccepted(to: peer, &effects) }
            return
        }
        guard divergedAt == nil else { return }
        if let lsn = contradiction(append) {
            divergedAt = lsn
            return effects.note(.diverged(at: lsn, leader: peer))
        }
        guard append.prev.lsn <= committed || log.contains(append.prev) else {
            return reject(append, from: peer, &effects)
        }
        let stored = store(append, from: peer, &effects)
        follower.leaderCommit = max(follower.leaderCommit, append.commit)
        advanceFollowerCommit(&effects)
        // What was written now is answered when it is durable.
        if !stored { replyAccepted(to: peer, &effects) }
    }

    /// Whether a message of that term comes from the present term's leader; enters the term if it is later.
    private mutating func accept(
        leader peer: NodeNumber, of messageTerm: Term, _ now: Instant, _ effects: inout RaftEffects
    ) -> Bool {
        if messageTerm < term { return false }
        if messageTerm > term { adopt(messageTerm, from: peer, leader: peer, now, &effects) }
        guard role != .leader, leader == nil || leader == peer else {
            effects.note(.malformed(from: peer, "it leads term \(term), which already has a leader"))
            return false
        }
        follow(peer, now, &effects)
        return true
    }

    private func isWellFormed(_ append: AppendEntries) -> Bool {
        guard append.prev.lsn.rawValue < UInt64(Int64.max), append.prev.term <= append.term else { return false }
        var end = append.prev
        for batch in append.batches {
            guard batch.isWellFormed, batch.first == end.lsn.next, batch.term >= end.term, batch.term <= append.term
            else { return false }
            end = batch.end
        }
        return true
    }

    /// The first LSN in the append that is committed here with another term: what must never be.
    private func contradiction(_ append: AppendEntries) -> LSN? {
        func contradicts(_ position: LogPosition) -> Bool {
            guard position.lsn <= committed, let term = log.term(at: position.lsn) else { return false }
            return term != position.term
        }
        if contradicts(append.prev) { return append.prev.lsn }
        return append.batches.first { contradicts($0.end) || contradicts(LogPosition(lsn: $0.first, term: $0.term)) }?
            .first
    }

    private func reject(_ append: AppendEntries, from peer: NodeNumber, _ effects: inout RaftEffects) {
        let last = min(append.prev.lsn, log.last)
        let runs = log.runs(from: committed, through: last).suffix(AppendReply.runsMax)
        let verdict = AppendReply.Verdict.rejected(prev: append.prev.lsn, runs: Array(runs), last: last)
        effects.send(.appendReply(AppendReply(term: term, verdict: verdict)), to: peer)
    }

    /// Adds what the log lacks, after removing what contradicts it. Returns whether anything was added.
    private mutating func store(
        _ append: AppendEntries, from peer: NodeNumber, _ effects: inout RaftEffects
    ) -> Bool {
        let missing = append.batches.drop { $0.last <= committed || log.contains($0.end) }
        if let first = missing.first, first.first <= log.last {
            guard first.first > follower.matched, log.term(at: first.first) != first.term else {
                effects.note(
                    .malformed(from: peer, "batch \(first.first)+\(first.count)@\(first.term) was cut differently"))
                return false
            }
            truncate(after: first.first.previous, &effects)
        }
        for batch in missing {
            log.append(count: batch.count, term: batch.term)
            effects.store.append(batch)
            if let membership = batch.membership { enter(membership, at: batch.first, &effects) }
        }
        follower.matched = max(follower.matched, append.batches.last?.last ?? append.prev.lsn)
        return !missing.isEmpty
    }

    private mutating func truncate(after lsn: LSN, _ effects: inout RaftEffects) {
        precondition(lsn >= committed, "cannot truncate after \(lsn): committed is \(committed)")
        log.truncate(after: lsn)
        durable = min(durable, lsn)
        effects.truncateAfter = lsn
        let removed = memberships.lsn
        if memberships.truncate(after: lsn) {
            effects.note(.membershipRolledBack(to: membership, removed: removed))
        }
    }

    private mutating func advanceFollowerCommit(_ effects: inout RaftEffects) {
        let known = min(follower.leaderCommit, durableMatch)
        if known > committed { setCommitted(known, &effects) }
    }

    /// Up to here the log is on disk and equal to the leader's.
    private var durableMatch: LSN { min(durable, follower.matched) }

    /// More is on disk: the leader wants to know.
    mutating func reportDurable(_ effects: inout RaftEffects) {
        guard role == .follower, let leader else { return }
        advanceFollowerCommit(&effects)
        replyAccepted(to: leader, &effects)
    }

    /// To a leader of an earlier term, it says that the term is over.
    private func replyAccepted(to peer: NodeNumber, _ effects: inout RaftEffects) {
        let verdict = AppendReply.Verdict.accepted(durable: durableMatch, received: follower.matched)
        effects.send(.appendReply(AppendReply(term: term, verdict: verdict)), to: peer)
    }
}
