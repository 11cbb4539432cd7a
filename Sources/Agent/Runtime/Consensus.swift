import ClusterCore
import Dispatch
import Logging
import NIOCore
import NIOPosix
import WANLink
import WriteAheadLog

/// What the rest of the node hears from consensus. All on the ``NodeLoop``.
@NodeLoop
protocol ConsensusObserver: AnyObject {
    func committed(through lsn: LSN)
    func noticed(_ notice: RaftNotice)
}

/// Carries out what ``Raft`` decides: persists its hard state, writes and cuts the log, sends its messages.
///
/// The order is Raft's (``RaftEffects``): hard state first, then the log, then messages. An answer that a follower has an entry
/// leaves only after ``Log`` has said that it is durable.
@NodeLoop
final class Consensus {
    var raft: Raft
    let log: Log
    let store: StateStore
    let network: PeerNetwork
    let logger: Logger
    let threads: NIOThreadPool
    private let codec: Codec
    /// `link.compression = "lz4"`.
    let compressesForLinks: Bool
    private let failed: @Sendable (String) -> Void
    /// The membership that a node was told when it was let in; it knows no other until the first append.
    private let welcomed: Membership
    private weak var observer: (any ConsensusObserver)?
    /// Batches of an append message while Raft decides on them, by their first LSN.
    private var arriving: [LSN: Batch] = [:]
    /// What was sent to each peer.
    var feeds: [NodeNumber: PeerFeed] = [:]
    /// Why no more bulk can be taken in for now; the senders are told.
    var obstacle: String? { didSet { tellHeld() } }
    private var ticker: RepeatedTask?
    private var commitPushArmed = false
    private var patience = DiskPatience()

    init(
        raft: Raft, log: Log, store: StateStore, network: PeerNetwork, threads: NIOThreadPool, codec: Codec,
        compressesForLinks: Bool, welcomed: Membership, logger: Logger, failed: @escaping @Sendable (String) -> Void
    ) {
        self.raft = raft
        self.log = log
        self.store = store
        self.network = network
        self.threads = threads
        self.codec = codec
        self.compressesForLinks = compressesForLinks
        self.welcomed = welcomed
        self.logger = logger
        self.failed = failed
    }

    nonisolated static var now: ClusterCore.Instant { .init(nanoseconds: DispatchTime.now().uptimeNanoseconds) }

    func start(observer: any ConsensusObserver, tickEvery interval: TimeAmount) {
        self.observer = observer
        applyMembership()
        ticker = NodeLoop.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] _ in
            NodeLoop.assumeIsolated { self?.handle(.tick) }
        }
    }

    func stop() { ticker?.cancel() }

    // MARK: In

    func handle(_ event: RaftEvent) { carryOut(raft.handle(event, now: Self.now)) }

    func durable(_ notice: DurableNotice) {
        tellHeld()
        guard notice.generation == log.generation else { return }
        switch notice.result {
        case .success(let lsn):
            if let term = raft.log.term(at: lsn) { handle(.durable(LogPosition(lsn: lsn, term: term))) }
        case .failure(let error): stop(error)
        }
    }

    func received(control: ByteBuffer, from peer: NodeNumber) {
        do {
            handle(.message(from: peer, try RaftMessageCodec.decode(control).message))
            if raft.role == .leader { pump(peer) }
        } catch {
            logger.warning("a control message can't be read", metadata: ["peer": "\(peer)", "error": "\(error)"])
        }
    }

    func received(bulk: ByteBuffer, from peer: NodeNumber) {
        do {
            let decoded = try RaftMessageCodec.decode(bulk)
            guard case .append(var append) = decoded.message else {
                return handle(.message(from: peer, decoded.message))
            }
            for var bytes in decoded.batches {
                let batch = try Batch(parsing: &bytes, bytesMax: Self.batchBytesMax)
                append.batches.append(try BatchDescriptor(batch))
                arriving[batch.first] = batch
            }
            handle(.message(from: peer, .append(append)))
        } catch {
            logger.warning("a batch can't be read", metadata: ["peer": "\(peer)", "error": "\(error)"])
        }
        arriving.removeAll(keepingCapacity: true)
        tellHeld()
    }

    /// What was received and is not on the disk yet counts against the senders' credit.
    private func tellHeld() { network.setBulk(heldBytes: log.queuedBytes, obstacle: obstacle) }

    nonisolated static let batchBytesMax = 65 << 20

    // MARK: Proposals

    /// Appends entries to the log as the leader. They must fit one batch: whole transactions, or a single entry of another kind.
    ///
    /// - Returns: the LSN of the first entry.
    func propose(_ entries: [Entry]) throws -> LSN {
        let bytes = entries.reduce(0) { $0 + $1.body.readableBytes }
        let descriptor = try raft.propose(count: entries.count, bytes: bytes)
        write(try Batch.encode(entries, first: descriptor.first, term: descriptor.term, codec: codec), wakes: false)
        // The way over the followers' disks is the longer one, so it begins first.
        pumpAll()
        log.wake()
        return descriptor.first
    }

    /// Puts a membership change into the log; it is in force at once and final when its LSN is committed.
    func propose(_ membership: Membership) throws -> LSN {
        let bytes = try Entry(membership: membership).body.readableBytes
        carryOut(try raft.propose(membership, bytes: bytes, now: Self.now))
        return raft.membershipLSN
    }

    // MARK: Out

    private func carryOut(_ effects: RaftEffects) {
        precondition(effects.restartLogAfter == nil, "nothing provisions this node's log, so it can't have to restart")
        do {
            if let state = effects.hardState { try store.save(state) }
            if let lsn = effects.truncateAfter {
                try log.truncate(after: lsn)
                for peer in feeds.keys { feeds[peer]?.truncated(after: lsn) }
            }
        } catch {
            return stop(error)
        }
        for descriptor in effects.store {
            guard let batch = arriving[descriptor.first] else { preconditionFailure("no batch \(descriptor)") }
            write(batch, wakes: false)
        }
        if let batch = effects.append { append(batch) }
        for outbound in effects.messages {
            network.sendControl(PeerPayload.encode(raft: RaftMessageCodec.encode(outbound.message)), to: outbound.to)
        }
        for notice in effects.notices { take(notice) }
        // Clients wait for this; the followers do not.
        if let lsn = effects.committed { observer?.committed(through: lsn) }
        for peer in effects.pump { pump(peer) }
        armCommitPush()
        if !effects.store.isEmpty { sync() }
    }

    /// A follower has nothing better to do than to store what it was sent: as long as the disk is quick it does so here, and its
    /// answer leaves two changes of thread earlier.
    private func sync() {
        let start = Self.now
        guard patience.allows(start) else { return log.wake() }
        guard let notice = log.writeHere(bytesMax: DiskPatience.bytesMax) else { return }
        patience.finished(start, Self.now)
        durable(notice)
    }

    private func armCommitPush() {
        guard let due = raft.commitPushDue, !commitPushArmed else { return }
        commitPushArmed = true
        NodeLoop.eventLoop.scheduleTask(deadline: NIODeadline.uptimeNanoseconds(due.nanoseconds)) { [weak self] in
            NodeLoop.assumeIsolated {
                self?.commitPushArmed = false
                self?.handle(.tick)
            }
        }
    }

    /// A new leader's first entry, or a membership that Raft itself brings in.
    private func append(_ descriptor: BatchDescriptor) {
        do {
            let entry = try descriptor.membership.map { try Entry(membership: $0) } ?? Entry.noOp
            write(try Batch.encode([entry], first: descriptor.first, term: descriptor.term, codec: .none))
        } catch { stop(error) }
    }

    private func write(_ batch: Batch, wakes: Bool = true) {
        do { try log.append(batch, wakes: wakes) } catch { stop(error) }
    }

    private func stop(_ error: any Error) {
        logger.critical("the log or the node's state can't be written", metadata: ["error": "\(error)"])
        failed("\(error)")
    }

    private func take(_ notice: RaftNotice) {
        if case .membershipChanged = notice { applyMembership() }
        observer?.noticed(notice)
    }

    private func applyMembership() {
        let membership = raft.membership.members.isEmpty ? welcomed : raft.membership
        let others = membership.members.filter { $0.number != raft.node }
        network.setPeers(Dictionary(uniqueKeysWithValues: others.map { ($0.number, $0.address) }))
    }
}
