/// Until when a leader can be trusted to be the only one.
extension Raft {
    /// Before this instant no other node has become leader, unless this leader handed over by plan (or was overruled by an operator):
    /// a voter that heard of a leader within the minimal election timeout grants no vote (thesis, sections 4.2.3 and 6.4.1).
    ///
    /// A leader knows it from the heartbeats that a majority has answered, counted from when they were sent. A follower knows only
    /// when it last heard of its leader, which others may have heard of a little earlier. Nil when no leader is known.
    public var leaderKnownUntil: Instant? {
        guard let leadership else {
            guard leader != nil else { return nil }
            return follower.leaderContact.map { $0.advanced(byNanoseconds: timing.electionMin) }
        }
        let own = ownRole?.votes == true ? 1 : 0
        let needed = membership.quorum - own
        guard needed > 0 else { return Instant(nanoseconds: .max) }
        let confirmed = leadership.peers.filter(\.votes).map(\.confirmed).sorted(by: >)
        guard confirmed.count >= needed else { return nil }
        return confirmed[needed - 1].advanced(byNanoseconds: timing.electionMin)
    }
}
