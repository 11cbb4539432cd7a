/// Ways to break the path of a commit on purpose. Each is a mistake that an agent could well make.
enum TenureSabotage: String, CaseIterable, Sendable {
    /// Acknowledges what the log has, whether a majority has it or not. (I1)
    case acknowledgesBeforeQuorum
    /// Feeds the replica to the end of the log, not to the commit index. (I2)
    case servesUncommitted
    /// Opens the database before everything in the log is applied. (I3, I8)
    case opensBeforeApplied
    /// Promotes a database that was restarted within the term before it has again what it had proposed itself. Those entries are
    /// in the log and will be committed; their GTIDs would be used twice. (I8)
    case forgetsOwnProposals
    /// Opens the database without holding its commits. (I3)
    case forgetsToHold
    /// Stops a server that must step down politely, so that its waiters commit. (I5)
    case stopsPolitely
    /// Starts a server without cutting its tail. (I5)
    case keepsTail
    /// Follows without comparing the histories. (I6)
    case skipsInspection
    /// Takes for an orphan what the log has, and is not yet known here to be committed. (I6)
    case takesLateForOrphans
    /// Reconnects the capture at the end of the binlog, which the server takes as an ACK. (I7)
    case attachesAtEnd
    /// Proposes again what the log has already. (I10)
    case forgetsWhatIsLogged
    /// Does not acknowledge again what was committed while nobody was attached. (I7)
    case forgetsOldAcknowledgements
}
