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
    private(set) var raft: Raft
    let log: Log
    let store: StateStore
    let network: PeerNetwork
    let logger: Logger
    private let threads: NIOThreadPool
    private let codec: Codec
    private let failed: @Sendable (String) -> Void
    /// The membership that a node was told when it was let in; it knows no other until the first append.
    private let welcomed: Membership
    private weak var observer: (any ConsensusObserver)?
    /// Batches of an append message while Raft decides on them, by their first LSN.
    private var arriving: [LSN: Batch] = [:]
    /// What was sent to each peer and is not yet on its disk: bounds what it has to hold in memory.
    private var inFlight: [NodeNumber: InFlight] = [:]
    /// Peers for which a read from disk is under way.
    private var readingFor: Set<NodeNumber> = []
    private var ticker: RepeatedTask?
    private var commitPushArmed = false
    private var patience = DiskPatience()

    /// The most that one append message carries.
    nonisolated private static let messageBytesMax = 1 << 20

    init(
        raft: Raft, log: Log, store: StateStore, network: PeerNetwork, threads: NIOThreadPool, codec: Codec,
        welcomed: Membership, logger: Logger, failed: @escaping @Sendable (String) -> Void
    ) {
        self.raft = raft
        self.log = log
        self.store = store
        self.network = network
        self.threads = threads
        self.codec = codec
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
    }

    static let batchBytesMax = 64 << 20

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
            if let lsn = effects.truncateAfter { try log.truncate(after: lsn) }
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

    // MARK: Sending the log

    func pumpAll() { for member in raft.membership.members { pump(member.number) } }

    /// Sends a peer what it lacks, as far as its line takes it: from memory, or from disk when it is further behind.
    func pump(_ peer: NodeNumber) {
        while !readingFor.contains(peer), network.bulkCapacity(to: peer) > 0, let request = raft.nextAppend(to: peer) {
            guard request.mayCarryEntries, hasRoom(peer, request) else {
                if request.mayCarryEntries || !send(request, [], to: peer) { return }
                continue
            }
            if let batches = log.cached(from: request.prev.lsn.next, bytesMax: Self.messageBytesMax) {
                if !send(request, batches, to: peer) { return }
            } else {
                read(request, for: peer)
            }
        }
    }

    /// - Returns: whether it was handed to the link and counted by Raft; else there is no point in going on now.
    private func send(_ request: AppendRequest, _ batches: [Batch], to peer: NodeNumber) -> Bool {
        let message = RaftMessageCodec.encodeAppend(request, batches: batches.map(\.bytes))
        guard network.sendBulk(message, to: peer),
            raft.sent(request, to: peer, through: batches.last?.last ?? request.prev.lsn)
        else { return false }
        if let last = batches.last {
            inFlight[peer, default: InFlight()].add(last.last, batches.reduce(0) { $0 + $1.bytes.readableBytes })
        }
        return true
    }

    private func hasRoom(_ peer: NodeNumber, _ request: AppendRequest) -> Bool {
        guard let progress = raft.progress(of: peer) else { return false }
        inFlight[peer, default: InFlight()].settle(durable: progress.match, next: request.prev.lsn)
        return inFlight[peer]?.hasRoom ?? true
    }

    private func read(_ request: AppendRequest, for peer: NodeNumber) {
        readingFor.insert(peer)
        let log = log
        let from = request.prev.lsn.next
        threads.runIfActive(eventLoop: NodeLoop.eventLoop) {
            try log.read(from: from, bytesMax: Self.messageBytesMax)
        }.whenComplete { [weak self] result in
            NodeLoop.assumeIsolated { self?.didRead(result, for: request, peer: peer) }
        }
    }

    private func didRead(_ result: Result<[Batch], any Error>, for request: AppendRequest, peer: NodeNumber) {
        readingFor.remove(peer)
        switch result {
        case .success(let batches):
            // Meanwhile the peer may have been set back or the term may have ended.
            guard let now = raft.nextAppend(to: peer), now.prev == request.prev, now.term == request.term else {
                return pump(peer)
            }
            if send(now, batches, to: peer) { pump(peer) }
        case .failure(let error):
            logger.error("the log can't be read for a peer", metadata: ["peer": "\(peer)", "error": "\(error)"])
        }
    }
}
