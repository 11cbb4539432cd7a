import ClusterCore
import MariaDBWire
import NIOCore
import NIOPosix
import WriteAheadLog

/// One replica session's way through the log: from memory while it is near the end, from disk while it is behind, never faster
/// than the session takes it.
///
/// A transaction cut into fragments is served only when its last fragment is committed; a run of fragments that was given up is
/// passed over.
@NodeLoop
final class RelayFeed {
    private let session: BinlogReplicaSession
    private let log: Log
    private let threads: NIOThreadPool
    private let failed: @NodeLoop (any Error) -> Void
    /// What the replica has already; those transactions are passed over.
    private let skip: GTIDPosition
    private var next: LSN?
    private var committed: LSN = .zero
    private var busy = false
    /// The fragmented transaction that begins at `next`, as far as it is known.
    private var run: FragmentRun?
    /// The last transaction of each domain that was sent, in part or whole.
    private(set) var sent = GTIDPosition()
    private(set) var sentEntries: UInt64 = 0
    private(set) var sentBytes: UInt64 = 0

    nonisolated private static let readBytesMax = 1 << 20

    init(
        session: BinlogReplicaSession, log: Log, threads: NIOThreadPool, position: GTIDPosition,
        failed: @escaping @NodeLoop (any Error) -> Void
    ) {
        self.session = session
        self.log = log
        self.threads = threads
        self.skip = position
        self.failed = failed
    }

    func begin(committed: LSN) {
        self.committed = committed
        let (log, skip) = (log, skip)
        offLoop({ try log.start(for: skip) }) { feed, start in
            feed.next = start
            feed.advance(committed: feed.committed)
        }
    }

    func advance(committed: LSN) {
        self.committed = max(self.committed, committed)
        var sent = false
        while let next, !busy, next <= self.committed, session.isWritable {
            guard let batches = log.cached(from: next, bytesMax: Self.readBytesMax) else {
                readFromDisk(from: next)
                break
            }
            if batches.isEmpty || !serve(batches) { break }
            sent = true
        }
        if sent { session.flush() }
    }

    private func readFromDisk(from lsn: LSN) {
        let log = log
        offLoop({ try log.read(from: lsn, bytesMax: Self.readBytesMax) }) { feed, batches in
            if feed.serve(batches) { feed.session.flush() }
            feed.advance(committed: feed.committed)
        }
    }

    /// - Returns: whether anything was passed; false when the feed has to wait.
    private func serve(_ batches: [Batch]) -> Bool {
        var passed = false
        for batch in batches {
            guard batch.last <= committed, session.isWritable || !passed else { break }
            guard serve(batch) else { break }
            next = batch.last.next
            passed = true
        }
        return passed
    }

    private func serve(_ batch: Batch) -> Bool {
        do {
            switch batch.kind {
            case .noOp, .membership: break
            case .transactions:
                for entry in try batch.entries() {
                    send(entry)
                }
            case .fragmentFirst:
                guard try knowsFate(of: batch) else { return false }
                try serveFragment(batch)
            case .fragmentMiddle, .fragmentLast:
                try serveFragment(batch)
            }
            return true
        } catch {
            failed(error)
            next = nil
            return false
        }
    }

    private func serveFragment(_ batch: Batch) throws {
        guard let run, run.isWhole, batch.first >= run.first, batch.first <= run.scanned else { return }
        for entry in try batch.entries() {
            send(entry)
        }
    }

    private func send(_ entry: Entry) {
        guard let gtid = entry.gtid, !skip.covers(gtid) else { return }
        session.send(events: entry.body)
        sent.advance(to: gtid)
        sentEntries += 1
        sentBytes += UInt64(entry.body.readableBytes)
    }

    /// Whether the run that begins with `batch` is known to end in its last fragment, or to have been given up.
    private func knowsFate(of batch: Batch) throws -> Bool {
        if run?.first != batch.first { run = FragmentRun(first: batch.first) }
        guard var run else { return false }
        if !run.isDecided { try run.scan(log, through: committed) }
        self.run = run
        return run.isDecided
    }

    private func offLoop<T: Sendable>(
        _ work: @escaping @Sendable () throws -> T, then: @escaping @NodeLoop @Sendable (RelayFeed, T) -> Void
    ) {
        busy = true
        threads.runIfActive(eventLoop: NodeLoop.eventLoop, work).whenComplete { [weak self] result in
            NodeLoop.assumeIsolated {
                guard let self else { return }
                self.busy = false
                switch result {
                case .success(let value): then(self, value)
                case .failure(let error): self.failed(error)
                }
            }
        }
    }
}

/// The fragments of one large transaction in the log, found by their batch headers.
struct FragmentRun {
    let first: LSN
    /// Everything through here has been looked at.
    private(set) var scanned: LSN
    private(set) var isDecided = false
    private(set) var isWhole = false

    init(first: LSN) {
        self.first = first
        self.scanned = first
    }

    /// Looks at what is committed and not yet seen, until the last fragment or something that can't stand inside a transaction.
    mutating func scan(_ log: Log, through committed: LSN) throws(WALError) {
        while !isDecided && scanned < committed {
            let headers = try log.headers(from: scanned.next, limit: 256)
            if headers.isEmpty { return }
            for header in headers where !isDecided {
                guard header.last <= committed else { return }
                switch header.kind {
                case .fragmentMiddle, .membership: scanned = header.last
                case .fragmentLast:
                    scanned = header.last
                    isWhole = true
                    isDecided = true
                case .noOp, .transactions, .fragmentFirst: isDecided = true
                }
            }
        }
    }
}
