import ClusterCore
import Logging
import NIOCore
import Synchronization

/// Tells that entries are durable, or that the log has failed and takes nothing more.
public struct DurableNotice: Sendable {
    /// Everything up to this LSN is on disk.
    public let result: Result<LSN, WALError>
    /// ``Log/generation`` when the entries were appended: a notice of another generation speaks of entries that
    /// were cut since.
    public let generation: UInt64
}

/// The replicated log of one node, on disk.
///
/// Appending is asynchronous: ``append(_:)`` returns at once, one thread writes whatever has come meanwhile, syncs
/// once, and calls `onDurable`. A write or sync that fails is final. Reading is synchronous and thread-safe, and
/// sees appended entries at once.
///
/// One caller at a time appends and truncates (the agent's loop). Without ``close()`` what was appended last may
/// not be written.
public final class Log: Sendable {
    let monitor: Monitor<LogState>
    let store: SegmentStore
    let scan: LogScan
    let hints = ReadHints()
    private let writer: LogWriter
    private let requests = Mutex<Void>(())
    private let thread: Mutex<Thread?>

    /// Where a log begins: the entry before its first one, that entry's term, and what had happened by then.
    public struct Base: Hashable, Sendable {
        public var lsn: LSN
        public var term: Term
        public var state: GTIDState

        public init(lsn: LSN, term: Term, state: GTIDState) {
            self.lsn = lsn
            self.term = term
            self.state = state
        }
    }

    /// Opens the log in `directory`, which exists and is this process's alone; an empty one becomes a new log.
    /// - Parameters:
    ///   - committed: an LSN known to be committed *and durable here*: nothing up to it is ever cut, and none of it
    /// may be missing.
    ///   - onDurable: called on the log's thread after each sync; it must not call ``truncate(after:)``,
    /// ``reset(to:)`` or ``close()``.
    public static func open(
        directory: String, options: Options, committed: LSN, logger: Logger,
        onDurable: @escaping @Sendable (DurableNotice) -> Void
    ) throws(WALError) -> (log: Log, recovery: Recovery) {
        try open(
            directory: directory, options: options, committed: committed, logger: logger, disk: PosixDisk(),
            onDurable: onDurable)
    }

    package static func open(
        directory: String, options: Options, committed: LSN, logger: Logger, disk: any Disk,
        onDurable: @escaping @Sendable (DurableNotice) -> Void
    ) throws(WALError) -> (log: Log, recovery: Recovery) {
        let store = SegmentStore(disk: disk, directory: directory, options: options)
        let recovered = try LogRecovery(store: store, committed: committed, logger: logger).run()
        let state = LogState(segments: recovered.segments, history: recovered.history)
        let log = try Log(state: state, store: store, file: recovered.file, logger: logger, onDurable: onDurable)
        return (log, recovered.report)
    }

    private init(
        state: LogState, store: SegmentStore, file: any DiskFile, logger: Logger,
        onDurable: @escaping @Sendable (DurableNotice) -> Void
    ) throws(WALError) {
        monitor = Monitor(state)
        self.store = store
        scan = LogScan(monitor: monitor, store: store, files: OpenSegments(filesMax: store.options.openFilesMax))
        writer = LogWriter(scan: scan, file: file, logger: logger, onDurable: onDurable)
        guard let thread = Thread({ [writer] in writer.run() }) else {
            throw .io(operation: "pthread_create", path: store.directory, errno: 0)
        }
        self.thread = Mutex(thread)
    }

    deinit {
        // The thread ends by itself if nobody closed the log.
        monitor.withLock { $0.isClosing = true }
        monitor.wakeAll()
    }

    /// The first entry kept; after ``last`` when there is none.
    public var first: LSN { monitor.withLock { $0.base.next } }
    /// The last entry appended.
    public var last: LSN { monitor.withLock { $0.last } }
    public var lastTerm: Term { monitor.withLock { $0.lastTerm } }
    /// The last entry that is on disk.
    public var durable: LSN { monitor.withLock { $0.durable } }
    /// Grows with each truncation and reset.
    public var generation: UInt64 { monitor.withLock { $0.generation } }
    /// What is appended and not yet on disk: hold new batches back while it is large.
    public var queuedBytes: Int { monitor.withLock { $0.queuedBytes } }
    public var statistics: Statistics { monitor.withLock { $0.statistics } }
    /// Why the log takes nothing more; nil while it works.
    public var failure: WALError? { monitor.withLock { $0.failure } }

    /// Queues a batch that begins right after the last entry, with no earlier term. Returns at once; the entries
    /// can be read at once, and are durable when a notice says so.
    ///
    /// - Parameter wakes: false when the caller has something to do first and calls ``wake()`` then.
    public func append(_ batch: Batch, wakes: Bool = true) throws(WALError) {
        try monitor.withLock { state throws(WALError) in try state.append(batch, options: store.options) }
        if wakes { monitor.wakeAll() }
    }

    /// Lets the writer see what was appended with `wakes: false`.
    public func wake() { monitor.wakeAll() }

    /// Writes and syncs what was appended with `wakes: false` on the calling thread, which takes as long as the disk does, and saves
    /// two changes of thread. Else, when the log's own thread is at work or more than `bytesMax` waits, that thread does it.
    ///
    /// - Returns: the notice, which `onDurable` does not get then; nil when the log's thread does it.
    public func writeHere(bytesMax: Int) -> DurableNotice? {
        let notice = writer.writeHere(bytesMax: bytesMax)
        if notice == nil { wake() }
        return notice
    }

    /// Queues consecutive batches, which go to disk together as far as `groupBytesMax` allows. All of them or, with
    /// an error, those before the one that it speaks of.
    public func append(contentsOf batches: [Batch]) throws(WALError) {
        defer { monitor.wakeAll() }
        try monitor.withLock { state throws(WALError) in
            for batch in batches { try state.append(batch, options: store.options) }
        }
    }

    /// Cuts everything after `after`, which is the end of a batch or the entry before the first one. Comes after
    /// all earlier appends. Durable on return; ``generation`` has grown.
    public func truncate(after: LSN) throws(WALError) { try perform(.truncate(after: after)) }

    /// Removes every entry and begins anew after `base`, for a node that was given a copy of the data as of there.
    /// Durable on return; ``generation`` has grown. After a crash in the middle the log is empty or shorter, and is
    /// to be reset again.
    public func reset(to base: Base) throws(WALError) { try perform(.reset(base)) }

    private func perform(_ request: LogWriter.Request) throws(WALError) {
        let outcome: Result<Void, WALError> = requests.withLock { _ in
            do throws(WALError) {
                try monitor.withLock { state throws(WALError) in
                    try state.checkRunning()
                    state.request = request
                }
            } catch {
                return .failure(error)
            }
            monitor.wakeAll()
            return monitor.withLock(when: { $0.outcome != nil }) { state in
                defer { state.outcome = nil }
                return state.outcome ?? .success(())
            }
        }
        try outcome.get()
    }

    /// Writes and syncs what was appended, and ends the log's thread. Reading still works.
    public func close() {
        monitor.withLock { $0.isClosing = true }
        monitor.wakeAll()
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
        scan.files.closeAll()
    }
}
