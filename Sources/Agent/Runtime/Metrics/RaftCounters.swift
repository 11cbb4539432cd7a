import ClusterCore

/// What Raft has said since the agent started.
struct RaftCounters: Sendable {
    private(set) var elections: UInt64 = 0
    private(set) var preVotes: UInt64 = 0
    private(set) var leaderChanges: UInt64 = 0
    private(set) var leaderships: UInt64 = 0

    mutating func count(_ notice: RaftNotice) {
        switch notice {
        case .electionStarted(_, let isPreVote): if isPreVote { preVotes += 1 } else { elections += 1 }
        case .leaderChanged(let leader, _): if leader != nil { leaderChanges += 1 }
        case .roleChanged(_, let to, _, _): if to == .leader { leaderships += 1 }
        case .electionNotStarted, .electionStalled, .transferStarted, .transferAborted, .termEstablished,
            .membershipChanged, .membershipCommitted, .membershipRolledBack, .needsProvision, .provisioned, .diverged,
            .confirmedEntriesMissing, .malformed:
            break
        }
    }
}
