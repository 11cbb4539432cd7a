/// Something to be done to the local database. One is under way at a time; its outcome comes back as
/// ``TenureEvent/finished(_:_:)`` with the same ``TenureOrder/id``.
public struct TenureOrder: Sendable, Hashable {
    /// Rises with every order, so that the outcome of a superseded one is told from the present one's.
    public var id: UInt64
    public var action: TenureAction
}

public enum TenureAction: Sendable, Hashable {
    /// Start the server as SLAVE, read-only; adopt it when it runs already. → `.started`
    case start
    /// SIGKILL and wait until the process is gone. → `.killed`
    case kill
    /// Compare the server's GTIDs with the committed log. → `.inspected`
    case inspect
    /// Write the transactions that the log has not into `<data_dir>/orphans/`. → `.done`
    case exportOrphans
    /// Point the server's replica channel at our relay and start it. → `.done`
    case follow
    /// Wait until everything through this LSN is applied. → `.done`
    case awaitApplied(through: LSN)
    /// Stop the replica channel and take it away; check that nothing of the log through this LSN is missing. → `.done`
    case unfollow(through: LSN)
    /// Switch semi-sync on. → `.done`
    case holdCommits
    /// Connect as the server's semi-sync replica at the committed GTID and make sure that commits wait for us. → `.done`
    case attachCapture(term: Term)
    /// Switch `read_only` off. → `.done`
    case openWrites
    /// Switch `read_only` on. → `.done`
    case closeWrites
    /// Wait until every transaction in the binlog is committed in the log and no session waits. → `.done`
    case settle
    /// Switch semi-sync off and close the dump connection. → `.done`
    case releaseCommits
    /// Wait before the next attempt. → `.done`
    case pause
}

/// What came of an order.
public enum TenureOutcome: Sendable, Hashable {
    case done
    case started(StartOutcome)
    case killed
    case inspected(Inspection)
    case failed(reason: String)
}

public enum StartOutcome: Sendable, Hashable {
    /// A new process, read-only, with its un-ACKed tail cut.
    case fresh
    /// Was running already, read-only and not holding commits.
    case adoptedReplica
    /// Was running already, writable or holding commits.
    case adoptedPrimary
    /// The server itself refuses to start, because its binlog's un-ACKed tail can't be undone.
    case refused(reason: String)
}

/// How the database's history relates to the committed log.
public enum Inspection: Sendable, Hashable {
    /// Everything that the database holds is in the committed log.
    case contained
    /// The database holds transactions that the committed log has not.
    case orphans([GTID])
    /// The log was purged past the database's position.
    case purged(reason: String)
}
