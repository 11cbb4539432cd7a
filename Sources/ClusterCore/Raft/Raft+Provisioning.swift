/// A node whose database was copied from another's (Raft, section 7).
extension Raft {
    /// The log continues after `base`, which is committed.
    ///
    /// A log that holds `base` keeps what follows it: the node may have confirmed that, and a majority may rely on it. A log
    /// without it ends before `base`, or differs from every leader's log from there on; nothing of it beyond `base` can be
    /// committed. The node enters the term in which that was known: the leader of an earlier one may lack it.
    mutating func provision(
        _ base: LogPosition, _ record: MembershipRecord, asOf known: Term, _ now: Instant, _ effects: inout RaftEffects
    ) {
        guard base.lsn >= committed || divergedAt != nil else { return }
        becomeFollower(reason: .provisioned, now, &effects)
        if max(known, base.term) > term { setHardState(HardState(term: max(known, base.term)), &effects) }
        if divergedAt == nil, log.contains(base) {
            if base.lsn > committed { setCommitted(base.lsn, &effects) }
        } else {
            log = LogSummary(base: base)
            durable = base.lsn
            divergedAt = nil
            effects.restartLogAfter = base
            memberships = MembershipHistory([record])
            committed = base.lsn
            effects.committed = base.lsn
            effects.note(.membershipChanged(record.membership, at: record.position.lsn))
        }
        follower = FollowerState(matched: committed, leaderContact: nil)
    }
}
