/// Where one command goes, from what it is, what the session is, and what the cluster offers. Pure.
struct Routing {
    enum Place: Equatable {
        case leader
        case replica
        /// It needs a leader, and there is none at the moment.
        case awaitLeader
        /// It can't be done where the session is; why.
        case refuse(String)
    }

    var hasLeader: Bool
    var hasReplica: Bool
    var allowsStaleReads: Bool
    var consistency: ReadConsistency
    var effects: StatementEffects
    /// An open transaction, or autocommit switched off, at the leader.
    var isInTransaction: Bool
    /// START TRANSACTION READ ONLY was sent to the replica.
    var isReadingAtReplica: Bool
    /// Whether the last statement ran at the replica.
    var wasAtReplica: Bool

    /// What ties even reads to the leader's session.
    private static let ties: StatementEffects = [.leaderOnly, .temporaryTable, .nextTransaction, .tableLocks]

    func place(_ summary: StatementSummary, wantsLeader: Bool) -> Place {
        if isReadingAtReplica {
            let foreign = summary.effects.intersection([
                .userVariables, .temporaryTable, .serverState, .leaderOnly, .lastInsertID,
            ])
            if !foreign.isEmpty {
                return .refuse(
                    "this READ ONLY transaction runs on a replica, where user variables, temporary tables, locks, "
                        + "the role, the timestamp and LAST_INSERT_ID() of the session are not; end it first, "
                        + "or SET @wolfscale_consistency = 'leader'"
                )
            }
            return .replica
        }
        // The transaction is where it is, even if that server leads no more.
        if isInTransaction { return .leader }
        switch summary.route {
        case .leader:
            if summary.verb == .beginReadOnly, !wantsLeader {
                return read(tied: Self.ties.union([.userVariables, .serverState]))
            }
            return hasLeader ? .leader : .awaitLeader
        case .asBefore:
            if wasAtReplica, hasReplica { return .replica }
            return hasLeader ? .leader : .awaitLeader
        case .anywhere:
            if hasLeader { return .leader }
            return hasReplica && allowsStaleReads && consistency != .leader ? .replica : .awaitLeader
        case .replica:
            if wantsLeader { return hasLeader ? .leader : .awaitLeader }
            return read(tied: Self.ties)
        }
    }

    private func read(tied ties: StatementEffects) -> Place {
        let mayStay = consistency != .leader && effects.isDisjoint(with: ties) && hasReplica
        if mayStay, hasLeader || allowsStaleReads { return .replica }
        return hasLeader ? .leader : .awaitLeader
    }
}
