/// Ways to break a node on purpose: the simulator is worth something only if it finds them.
enum Sabotage: String, CaseIterable, Sendable {
    /// Reports batches durable when they are written, before they are synced.
    case acknowledgesBeforeSync
    /// Keeps the term in a crash, but not the vote.
    case forgetsVote
    /// Takes what a majority holds as committed, whatever its term (Raft, figure 8).
    case commitsOldTermsByCount
    /// Votes for candidates whose log is behind.
    case votesForAnyLog
    /// Adds batches without comparing the entry before them.
    case skipsConsistencyCheck
    /// Votes, and lets others know, before the vote is on disk.
    case sendsBeforePersisting
    /// Loses the log that it had confirmed when it restarts.
    case restartsWithoutLog

    /// Where to look first: the seed that found it when this was written.
    var likelySeed: UInt64 {
        switch self {
        case .acknowledgesBeforeSync, .restartsWithoutLog: 1
        case .votesForAnyLog, .skipsConsistencyCheck: 2
        case .commitsOldTermsByCount: 14
        case .forgetsVote: 32
        case .sendsBeforePersisting: 138
        }
    }

    var isAboutVotes: Bool {
        switch self {
        case .forgetsVote, .sendsBeforePersisting: true
        case .acknowledgesBeforeSync, .commitsOldTermsByCount, .votesForAnyLog, .skipsConsistencyCheck,
            .restartsWithoutLog:
            false
        }
    }
}
