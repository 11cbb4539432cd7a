import ClusterCore

/// What can go wrong in the write-ahead log. The description says what happened, where, and what to do next.
public enum WALError: Error, Hashable, Sendable {
    /// Bytes that are not a batch; from a peer, or from a file when the place is reported separately.
    case invalidBatch(BatchFault)
    /// Entries that cannot be put into one batch, with the reason. A mistake of the caller.
    case invalidEntries(String)
    /// More than the format or the configuration allows; both in bytes unless `what` says otherwise.
    case tooLarge(what: String, actual: Int, limit: Int)
    /// A batch that does not begin right after the last entry of the log.
    case notContiguous(expected: LSN, found: LSN)
    /// A batch whose term is below that of the log's last entry.
    case termWentBack(last: Term, found: Term)
    /// The disk is behind by more than `queueBytesMax`: wait for durability notices before appending more.
    case queueFull(queuedBytes: Int, limit: Int)
    /// An operation of the file system failed.
    case io(operation: String, path: String, errno: Int32)
    /// The file system is full (ENOSPC or EDQUOT).
    case diskFull(operation: String, path: String)
    /// A write or a sync failed earlier; the log takes nothing more until it is opened again.
    indirect case failed(cause: WALError)
    /// An entry that had been committed is damaged or missing. Nothing was cut.
    case corruptCommitted(segment: String, offset: UInt64, lsn: LSN, committed: LSN, reason: String)
    /// Damage found while reading.
    case corrupt(segment: String, offset: UInt64, lsn: LSN, reason: String)
    /// A file written by a newer version of this software.
    case newerFormat(path: String, version: UInt32)
    /// The entry is no longer kept; the log begins at `first`.
    case purged(requested: LSN, first: LSN)
    /// The entry is not there yet; the log ends at `last`.
    case beyondEnd(requested: LSN, last: LSN)
    /// A reader at `position` would need transactions that are no longer kept: everything up to `purged` is gone.
    case positionPurged(position: GTIDPosition, purged: GTIDState)
    /// A batch is kept or cut whole.
    case notOnBatchBoundary(after: LSN, batchFirst: LSN, batchLast: LSN)
    /// The log was closed.
    case closed

    /// Wraps a failed system call; a full disk has its own case because its remedy is another.
    init(_ error: DiskError) {
        if error.isDiskFull {
            self = .diskFull(operation: error.operation, path: error.path)
        } else {
            self = .io(operation: error.operation, path: error.path, errno: error.errno)
        }
    }
}

extension WALError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalidBatch(let fault):
            "not a valid batch: \(fault)"
        case .invalidEntries(let reason):
            "these entries cannot form a batch: \(reason)"
        case .tooLarge(let what, let actual, let limit):
            "\(what): \(actual) is more than the limit of \(limit)"
        case .notContiguous(let expected, let found):
            "the log's next entry is LSN \(expected), but the batch begins at LSN \(found)"
        case .termWentBack(let last, let found):
            "the log's last entry has term \(last), but the batch has the earlier term \(found)"
        case .queueFull(let queued, let limit):
            "\(queued) bytes wait to be written (limit \(limit)): the disk does not keep up; append again after the "
                + "next notice"
        case .io(let operation, let path, let errno):
            "\(operation) \(path): \(DiskError.text(of: errno)) (errno \(errno))"
        case .diskFull(let operation, let path):
            "\(operation) \(path): the file system is full. Free or add space there (old segments go by "
                + "wal.retention_hours and wal.max_size_mb), then restart the agent"
        case .failed(let cause):
            "the log stopped after an error and takes nothing more; restart the agent once it is mended. Cause: "
                + "\(cause)"
        case .corruptCommitted(let segment, let offset, let lsn, let committed, let reason):
            "\(segment) at offset \(offset): LSN \(lsn) is damaged or missing (\(reason)), although everything up to "
                + "LSN \(committed) was committed. Nothing was cut. Check the disk, move the wal directory aside, and "
                + "let the node be provisioned again from its peers"
        case .corrupt(let segment, let offset, let lsn, let reason):
            "\(segment) at offset \(offset): LSN \(lsn) cannot be read (\(reason)). Check the disk; the node can be "
                + "provisioned again from its peers"
        case .newerFormat(let path, let version):
            "\(path) has format version \(version), which this version of the agent does not know: install the newer "
                + "agent"
        case .purged(let requested, let first):
            "LSN \(requested) is no longer kept, the log begins at LSN \(first): the reader needs provisioning"
        case .beyondEnd(let requested, let last):
            "LSN \(requested) is not in the log yet, which ends at LSN \(last)"
        case .positionPurged(let position, let purged):
            "a reader at '\(position)' needs transactions that are no longer kept: the log begins after '\(purged)'; "
                + "provision the node"
        case .notOnBatchBoundary(let after, let first, let last):
            "cannot cut after LSN \(after): it lies inside the batch of LSN \(first) to \(last)"
        case .closed:
            "the log is closed"
        }
    }
}
