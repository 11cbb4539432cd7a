import ClusterCore
import DequeModule
import Logging
import MariaDBWire
import NIOCore
import WriteAheadLog

/// Where a transaction enters a bridge: reads the binlog of one Galera node as an asynchronous replica and proposes what the log has
/// not yet. The cluster commits without waiting; its binlogs are the buffer while the log is full or the log's disk is slow.
@NodeLoop
final class BridgeCapture {
    private let consensus: Consensus
    private let logger: Logger
    private let batchEntriesMax: Int
    private let flushInterval: TimeAmount
    /// Above it nothing more is read, until every member has what the log holds and it can be cut. (`wal.max_size_mb`)
    private let logBytesMax: UInt64
    private let lost: @NodeLoop (_ reason: String) -> Void

    private var source: BinlogSource?
    /// The present attachment: what an earlier one still hears counts for nothing.
    private var attachment: Attachment?
    private var term = Term.zero
    /// The domain of the cluster's own writes; others come from the log, or are a node's own and are not shipped.
    private var domain: UInt32 = 0
    private var foreignDomains: Set<UInt32> = []
    /// What the log holds, with the baselines; a transaction that comes again is not proposed again.
    private(set) var captured = GTIDPosition()
    private var gathered: [CapturedTransaction] = []
    private var gatheredBytes = 0
    private var flush: Scheduled<Void>?
    /// Proposed and not yet committed.
    private var uncommitted: Deque<(lsn: LSN, bytes: Int)> = []
    private var uncommittedBytes = 0
    private(set) var isPaused = false
    private(set) var recent = RecentTransactions()
    /// Transactions of no known cluster's domain: a node's own (non-InnoDB tables, RSU). Seen, not shipped.
    private(set) var errant: [UInt32: UInt64] = [:]
    private(set) var lastErrant: GTID?
    private(set) var transactions: UInt64 = 0
    private(set) var bytes: UInt64 = 0

    private static let uncommittedBytesMax = 32 << 20
    private static let batchBytesMax = 1 << 20

    init(
        consensus: Consensus, configuration: Configuration, logger: Logger,
        lost: @escaping @NodeLoop (_ reason: String) -> Void
    ) {
        self.consensus = consensus
        self.logger = logger
        batchEntriesMax = min(configuration.wal.batchSize, Batch.entriesMax)
        flushInterval = .milliseconds(Int64(configuration.wal.flushIntervalMs))
        logBytesMax = UInt64(configuration.wal.maxSizeMB) << 20
        self.lost = lost
    }

    var isAttached: Bool { source != nil }
    /// Everything read is committed.
    var isSettled: Bool { uncommitted.isEmpty && gathered.isEmpty }
    var errantCount: UInt64 { errant.values.reduce(0, +) }

    struct Domains: Sendable {
        var own: UInt32
        /// Of the other members' clusters.
        var foreign: Set<UInt32>
    }

    /// - Parameter logged: the position at the end of the log, with the baselines.
    func attach(_ configuration: BinlogSource.Configuration, logged: GTIDPosition, domains: Domains) async throws {
        detach()
        captured = logged
        domain = domains.own
        foreignDomains = domains.foreign
        term = consensus.raft.term
        let attachment = Attachment(self)
        self.attachment = attachment
        let connected = try await BinlogSource.connect(configuration, on: NodeLoop.eventLoop, delegate: attachment)
            .get()
        guard self.attachment === attachment else {
            connected.close()
            throw ServerError.wrongState("another attachment of the capture took this one's place")
        }
        source = connected
        checkRoom()
    }

    func detach() {
        attachment = nil
        source?.close()
        source = nil
        flush?.cancel()
        flush = nil
        gathered.removeAll()
        gatheredBytes = 0
        uncommitted.removeAll()
        uncommittedBytes = 0
        isPaused = false
    }

    func committed(through lsn: LSN) {
        while let first = uncommitted.first, first.lsn <= lsn {
            uncommitted.removeFirst()
            uncommittedBytes -= first.bytes
        }
        if isPaused { checkRoom() }
    }

    /// Stops reading while too much is under way or the log is full, and goes on afterwards. Called now and then, too.
    func checkRoom() {
        guard let source else { return }
        let isFull = consensus.log.sizeBytes > logBytesMax
        let shouldPause =
            isFull || uncommittedBytes > (isPaused ? Self.uncommittedBytesMax / 2 : Self.uncommittedBytesMax)
        guard shouldPause != isPaused else { return }
        isPaused = shouldPause
        source.setReading(!shouldPause)
        if isFull {
            logger.warning("the log is full; the capture waits until the other members have caught up")
        }
    }

    // MARK: Proposing

    private func take(_ transactions: [CapturedTransaction]) {
        for transaction in transactions where transaction.part != .abandoned {
            if captured.covers(transaction.gtid) { continue }
            guard transaction.gtid.domain == domain else {
                noteErrant(transaction)
                continue
            }
            let size = transaction.events.readableBytes
            if transaction.part != .whole || gatheredBytes + size > Self.batchBytesMax
                || gathered.count >= batchEntriesMax
            {
                proposeGathered()
            }
            if transaction.part == .whole {
                gathered.append(transaction)
                gatheredBytes += size
                captured.advance(to: transaction.gtid)
            } else {
                propose([transaction])
                if transaction.part == .last { captured.advance(to: transaction.gtid) }
            }
        }
        if gathered.isEmpty || flush != nil { return }
        flush = NodeLoop.eventLoop.assumeIsolated().scheduleTask(in: flushInterval) { [weak self] in
            NodeLoop.assumeIsolated {
                self?.flush = nil
                self?.proposeGathered()
            }
        }
    }

    private func proposeGathered() {
        flush?.cancel()
        flush = nil
        let group = gathered
        gathered.removeAll(keepingCapacity: true)
        gatheredBytes = 0
        propose(group)
    }

    private func propose(_ group: [CapturedTransaction]) {
        guard !group.isEmpty, attachment != nil else { return }
        guard consensus.raft.role == .leader, consensus.raft.term == term else {
            return end("this node does not lead term \(term) any more")
        }
        do {
            var lsn = try consensus.propose(group.map(Entry.init))
            for transaction in group {
                let size = transaction.events.readableBytes
                uncommitted.append((lsn, size))
                uncommittedBytes += size
                bytes += UInt64(size)
                if transaction.part == .whole || transaction.part == .last {
                    recent.insert(transaction.gtid, at: lsn)
                    self.transactions += 1
                }
                lsn = lsn.next
            }
            committed(through: consensus.raft.committed)
            checkRoom()
        } catch {
            end("a transaction can't be proposed: \(error)")
        }
    }

    /// Not of this cluster as a whole: a node's own, or another source's that feeds this cluster too.
    private func noteErrant(_ transaction: CapturedTransaction) {
        guard transaction.part == .whole || transaction.part == .first else { return }
        let domain = transaction.gtid.domain
        // Said once for each domain: there may be many.
        if errant.updateValue((errant[domain] ?? 0) + 1, forKey: domain) == nil {
            if foreignDomains.contains(domain) {
                // Beyond the log: this cluster has applied what the log never held.
                logger.error(
                    "a transaction of another site is not in the log", metadata: ["gtid": "\(transaction.gtid)"])
            } else {
                logger.warning(
                    "transactions that only one node of the cluster has (non-InnoDB tables, RSU) are not shipped",
                    metadata: ["gtid": "\(transaction.gtid)"])
            }
        }
        lastErrant = transaction.gtid
    }

    private func end(_ reason: String) {
        guard attachment != nil else { return }
        detach()
        lost(reason)
    }
}

/// One connection to a source, as its delegate: held by the capture while it is the present one. Its events may come before the connection
/// is reported to be there.
private final class Attachment: BinlogSourceDelegate {
    @NodeLoop private weak var capture: BridgeCapture?

    @NodeLoop init(_ capture: BridgeCapture) { self.capture = capture }

    func binlogSource(_ source: BinlogSource, captured transactions: [CapturedTransaction]) {
        NodeLoop.assumeIsolated { capture?.take(transactions, from: self) }
    }

    func binlogSourceAlive(_ source: BinlogSource) {}

    func binlogSourceClosed(_ source: BinlogSource, error: BinlogSourceError?) {
        NodeLoop.assumeIsolated { capture?.closed(error, from: self) }
    }
}

extension BridgeCapture {
    fileprivate func take(_ transactions: [CapturedTransaction], from attachment: Attachment) {
        if self.attachment === attachment { take(transactions) }
    }

    fileprivate func closed(_ error: BinlogSourceError?, from attachment: Attachment) {
        guard self.attachment === attachment else { return }
        end(error.map { "\($0)" } ?? "the server closed the dump connection")
    }
}
