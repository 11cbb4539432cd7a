import ClusterCore
import DequeModule
import Logging
import MariaDBWire
import NIOCore
import WriteAheadLog

/// Where a transaction enters: reads the primary's binlog as its semi-synchronous replica, proposes each transaction to the
/// log *before* the server commits it, and acknowledges it when its LSN is committed. (I1)
@NodeLoop
final class Capture {
    private let consensus: Consensus
    private let logger: Logger
    /// `wal.batch_size`
    private let batchEntriesMax: Int
    private let lost: @NodeLoop (_ reason: String) -> Void

    private var source: BinlogSource?
    /// The term in which it was attached. Nothing is acknowledged in another one.
    private var term = Term.zero
    /// The GTIDs that the log holds already; a transaction that comes again is not proposed again.
    private var logged = GTIDPosition()
    /// What the server waits for, in the order of the log.
    private var awaiting: Deque<Awaited> = []
    /// The binlog coordinates of the last transaction that was acknowledged, to be sent again after a reconnect: the server may not
    /// have heard it, and does not ask twice.
    private var lastAcknowledged: SourcePosition?
    /// LSNs of recent transactions, for those who wait for their own writes.
    private(set) var recent = RecentTransactions()
    /// Why the server's socket is not read; its commits wait meanwhile.
    private var holds: Set<Hold> = []
    private(set) var lastHeard = Consensus.now
    /// Since the agent started.
    private(set) var transactions: UInt64 = 0
    private(set) var bytes: UInt64 = 0

    enum Hold {
        /// Too much is captured and not yet committed.
        case backlog
        /// There is no room for more on the disk.
        case disk
        /// Followers are too far behind with applying.
        case appliers
    }

    private struct Awaited {
        var lsn: LSN
        var gtid: GTID
        var position: SourcePosition
        var ackWanted: Bool
        var bytes: Int
    }
    private var awaitingBytes = 0
    /// Above this much captured and not yet committed the server's socket is read no further.
    private static let awaitingBytesMax = 32 << 20
    private static let batchBytesMax = 1 << 20

    init(
        consensus: Consensus, batchEntriesMax: Int, logger: Logger,
        lost: @escaping @NodeLoop (_ reason: String) -> Void
    ) {
        self.consensus = consensus
        self.batchEntriesMax = min(batchEntriesMax, Batch.entriesMax)
        self.logger = logger
        self.lost = lost
    }

    var isAttached: Bool { source != nil }
    /// The last transaction captured; everything through it is in the log.
    var capturedPosition: GTIDPosition { logged }
    var isIdle: Bool { awaiting.isEmpty }
    /// What is captured and waits for its quorum.
    var waitingCount: Int { awaiting.count }
    var waitingBytes: Int { awaitingBytes }

    /// Connects at the quorum-committed GTID: the start of a dump is taken by the server as an ACK of everything before it. (I7)
    ///
    /// - Parameter committed: the GTID position at the commit index.
    /// - Parameter logged: the GTID position at the end of the log.
    func attach(_ configuration: BinlogSource.Configuration, committed: SourcePosition?, logged: GTIDPosition)
        async throws
    {
        detach()
        self.logged = logged
        term = consensus.raft.term
        let source = try await BinlogSource.connect(configuration, on: NodeLoop.eventLoop, delegate: self).get()
        self.source = source
        if !holds.isEmpty { source.setReading(false) }
        lastHeard = Consensus.now
        if mayAcknowledge, let committed = committed ?? lastAcknowledged {
            source.acknowledge(file: committed.file, offset: committed.offset)
        }
    }

    func detach() {
        source?.close()
        source = nil
        awaiting.removeAll()
        awaitingBytes = 0
        holds.remove(.backlog)
    }

    /// Stops or goes on reading from the server.
    func hold(_ hold: Hold, _ isOn: Bool) {
        let was = holds.isEmpty
        if isOn { holds.insert(hold) } else { holds.remove(hold) }
        if holds.isEmpty != was { source?.setReading(holds.isEmpty) }
    }

    /// Acknowledges what the log has committed. One ACK releases everything before it.
    func committed(through lsn: LSN) {
        guard mayAcknowledge else { return }
        var last: Awaited?
        while let first = awaiting.first, first.lsn <= lsn {
            awaiting.removeFirst()
            awaitingBytes -= first.bytes
            if first.ackWanted { last = first }
        }
        if let last, let source {
            source.acknowledge(file: last.position.file, offset: last.position.offset)
            lastAcknowledged = last.position
        }
        if awaitingBytes < Self.awaitingBytesMax / 2 { hold(.backlog, false) }
    }

    /// I1: an LSN means the same transaction only as long as this node leads the term in which it was given.
    private var mayAcknowledge: Bool { consensus.raft.role == .leader && consensus.raft.term == term }

    // MARK: Proposing

    private func captured(_ transactions: [CapturedTransaction]) {
        var group: [CapturedTransaction] = []
        var groupBytes = 0
        for transaction in transactions where transaction.part != .abandoned {
            if logged.covers(transaction.gtid) {
                alreadyLogged(transaction)
                continue
            }
            let size = transaction.events.readableBytes
            if transaction.part != .whole || groupBytes + size > Self.batchBytesMax || group.count >= batchEntriesMax {
                propose(group)
                group = []
                groupBytes = 0
            }
            if transaction.part == .whole {
                group.append(transaction)
                groupBytes += size
            } else {
                propose([transaction])
            }
        }
        propose(group)
        if awaitingBytes > Self.awaitingBytesMax { hold(.backlog, true) }
    }

    private func propose(_ group: [CapturedTransaction]) {
        guard !group.isEmpty, source != nil else { return }
        guard mayAcknowledge else { return end("this node does not lead term \(term) any more") }
        do {
            var lsn = try consensus.propose(group.map(Entry.init))
            for transaction in group {
                let position = SourcePosition(file: transaction.file, offset: transaction.endOffset)
                let complete = transaction.part == .whole || transaction.part == .last
                awaiting.append(
                    Awaited(
                        lsn: lsn, gtid: transaction.gtid, position: position,
                        ackWanted: complete && transaction.ackWanted, bytes: transaction.events.readableBytes))
                awaitingBytes += transaction.events.readableBytes
                bytes += UInt64(transaction.events.readableBytes)
                if complete {
                    transactions += 1
                    logged.advance(to: transaction.gtid)
                    recent.insert(transaction.gtid, at: lsn)
                }
                lsn = lsn.next
            }
            // A cluster of one, or a follower's answer that was quicker, may have committed them by now.
            committed(through: consensus.raft.committed)
        } catch {
            // Leadership ended under us: what waits keeps waiting, and the tenure fences the server.
            end("a transaction can't be proposed: \(error)")
        }
    }

    /// A transaction that the log had before this connection was made: acknowledged when, or as soon as, it is committed.
    private func alreadyLogged(_ transaction: CapturedTransaction) {
        guard transaction.ackWanted, transaction.part == .whole || transaction.part == .last else { return }
        let position = SourcePosition(file: transaction.file, offset: transaction.endOffset)
        let lsn = recent.lsn(of: transaction.gtid) ?? awaiting.last?.lsn ?? consensus.raft.committed
        awaiting.append(Awaited(lsn: lsn, gtid: transaction.gtid, position: position, ackWanted: true, bytes: 0))
        committed(through: consensus.raft.committed)
    }

    private func end(_ reason: String) {
        guard source != nil else { return }
        detach()
        lost(reason)
    }
}

extension Capture: BinlogSourceDelegate {
    nonisolated func binlogSource(_ source: BinlogSource, captured transactions: [CapturedTransaction]) {
        NodeLoop.assumeIsolated {
            // Events of the first burst may come before `attach` has resumed.
            if let present = self.source, present !== source { return }
            self.source = source
            lastHeard = Consensus.now
            captured(transactions)
        }
    }

    nonisolated func binlogSourceAlive(_ source: BinlogSource) {
        NodeLoop.assumeIsolated { lastHeard = Consensus.now }
    }

    nonisolated func binlogSourceClosed(_ source: BinlogSource, error: BinlogSourceError?) {
        NodeLoop.assumeIsolated {
            if self.source === source { end(error.map { "\($0)" } ?? "the server closed the dump connection") }
        }
    }
}

extension Entry {
    init(_ transaction: CapturedTransaction) {
        let position = SourcePosition(file: transaction.file, offset: transaction.endOffset)
        let part: FragmentPart? =
            switch transaction.part {
            case .whole: nil
            case .first: .first
            case .middle: .middle
            case .last, .abandoned: .last
            }
        self.init(
            kind: part == nil ? .transaction : .fragment, part: part, gtid: transaction.gtid, source: position,
            body: transaction.events)
    }
}
