import ClusterCore
import Foundation
import Logging
import MariaDBWire
import NIOCore
import NIOPosix
import Probes
import WANLink
import WriteAheadLog

/// One running node: owns the rooms and passes on what they tell each other.
///
/// The way of a write: ``Capture`` (enters) → ``Consensus`` (log, peers, commit) → ``Capture`` (acknowledged) and, on every node,
/// ``Relay`` (applied). Who leads is decided in ``Raft``, what the database is in ``Tenure``.
@NodeLoop
final class Node {
    let configuration: Configuration
    let identity: Identity
    let store: StateStore
    let network: PeerNetwork
    let consensus: Consensus
    let capture: Capture
    let relay: Relay
    let administration: MembershipAdministration
    let removals: Removals
    /// Nil without certificates.
    var tls: TLSKeeper?
    /// Of the HTTP API.
    var tokens: TokenKeeper?
    var apiCertificates: APICertificateKeeper?
    private(set) var raftCounters = RaftCounters()
    let flow: FlowWatch
    let logger: Logger
    /// Nil on a witness.
    private(set) var driver: DatabaseDriver?
    /// In the driver's place when this node bridges a Galera cluster.
    private(set) var bridge: BridgeDriver?
    var snowflake: Snowflake
    /// What the other members last said of themselves.
    var reports: [NodeNumber: ReceivedReport] = [:]
    /// Called when something may have changed that concerns who is told where the leader's database is: the proxy.
    var onChange: (@NodeLoop () -> Void)?
    private(set) var isStopping = false
    /// Why an election that was due did not bring a leader.
    private(set) var lastElectionObstacle: String?
    /// Set once a commit went through without its quorum.
    private(set) var guaranteeBroken: String?
    private let retention: Retention
    private var relayServer: BinlogServer?
    private var applicationAccount: Task<Void, Never>?
    private var readdressing: Task<Void, Never>?
    /// Of a bridge: leadership is on its way to the other site.
    var switching: Task<Void, Never>?
    private var leadership: Standing?
    private var housekeeping: RepeatedTask?
    private var commitHintAt: LSN = .zero
    var transferWaiters: [CheckedContinuation<TransferObstacle?, Never>] = []

    init(
        configuration: Configuration, identity: Identity, store: StateStore, network: PeerNetwork, consensus: Consensus,
        threads: NIOThreadPool, logger: Logger
    ) {
        self.configuration = configuration
        self.identity = identity
        self.store = store
        self.network = network
        self.consensus = consensus
        self.logger = logger
        removals = Removals(store: store, logger: logger)
        administration = MembershipAdministration(
            consensus: consensus, identity: identity, removals: removals, logger: logger)
        retention = Retention(
            log: consensus.log, threads: threads, retentionHours: configuration.wal.retentionHours,
            maxSizeMB: configuration.wal.maxSizeMB, logger: logger)
        snowflake = Snowflake(node: identity.number)
        let hooks = NodeHooks()
        capture = Capture(
            consensus: consensus, batchEntriesMax: configuration.wal.batchSize, logger: logger
        ) { hooks.node?.driver?.handle(.captureLost(reason: $0)) }
        relay = Relay(log: consensus.log, threads: threads, logger: logger) { reason in
            hooks.node?.logger.error(
                "the local server asks for a part of the log that is gone", metadata: ["reason": "\(reason)"])
        }
        flow = FlowWatch(configuration: configuration, consensus: consensus, capture: capture, logger: logger)
        hooks.node = self
    }

    func start(driver: DatabaseDriver?, bridge: BridgeDriver? = nil, relay server: BinlogServer) {
        self.driver = driver
        self.bridge = bridge
        relayServer = server
        driver?.delegate = self
        bridge?.delegate = self
        consensus.start(observer: self, tickEvery: configuration.raftTickInterval)
        relay.committed(through: consensus.raft.committed)
        refreshLeadership()
        consensus.handle(.mayLead(false))
        driver?.begin()
        bridge?.begin()
        housekeeping = NodeLoop.eventLoop.scheduleRepeatedTask(
            initialDelay: .milliseconds(500), delay: .milliseconds(500)
        ) { [weak self] _ in NodeLoop.assumeIsolated { self?.keepHouse() } }
    }

    // MARK: Leadership

    func refreshLeadership() {
        let raft = consensus.raft
        let settled = raft.log.term(at: raft.committed) == raft.term
        let now: Standing =
            if raft.role == .leader, let noOp = raft.termStart {
                .leader(term: raft.term, noOp: noOp, settled: mayServe)
            } else if raft.leader != nil {
                .follower(term: raft.term, settled: settled)
            } else {
                .unknown(term: raft.term)
            }
        guard now != leadership else { return }
        leadership = now
        driver?.handle(.leadership(now))
        bridge?.handle(.leadership(now))
    }

    /// Whether what this leader has is all there is, and it is not about to give leadership away.
    private var mayServe: Bool {
        let raft = consensus.raft
        return raft.noOpCommitted && !raft.isCaretaker && raft.transferTarget == nil && !isStopping
    }

    /// Hands leadership over by plan: the database is drained first, so nothing is lost. (I9)
    ///
    /// - Returns: nil when another node leads, else why it stayed.
    func switchover(to target: NodeNumber?) async -> TransferObstacle? {
        guard consensus.raft.role == .leader else { return nil }
        guard driver != nil || bridge != nil else { return .notLeader }
        let deadline = NodeLoop.eventLoop.scheduleTask(in: .seconds(30)) { [weak self] in
            NodeLoop.assumeIsolated { self?.transferEnded(.timedOut) }
        }
        defer { deadline.cancel() }
        return await withCheckedContinuation { continuation in
            transferWaiters.append(continuation)
            driver?.handle(.stepDown(target: target))
            bridge?.handle(.stepDown(target: target))
        }
    }

    func transferEnded(_ obstacle: TransferObstacle?) {
        let waiters = transferWaiters
        transferWaiters = []
        for waiter in waiters { waiter.resume(returning: obstacle) }
    }

    // MARK: Housekeeping

    private func keepHouse() {
        administration.promoteLearners()
        correctOwnAddress()
        saveCommitHint()
        flow.look(reports, now: Consensus.now)
        sendReport()
        refreshLeadership()
        onChange?()
        bridge?.keepHouse()
        settleVotes()
        retention.run(applied: appliedLSN, everywhere: appliedEverywhere, mayLeaveBehind: bridge == nil) {
            [weak self] lsn in
            self?.consensus.handle(.trimmed(through: lsn))
        }
    }

    /// Asks the leader to note this node's addresses when they were changed in the configuration.
    private func correctOwnAddress() {
        let membership = consensus.raft.membership
        guard readdressing == nil, let known = membership[identity.number],
            let leader = consensus.raft.leader.flatMap({ membership[$0] })
        else { return }
        var wanted = known
        wanted.address = configuration.advertisedAddress(port: network.localPort)
        wanted.api = configuration.advertisedAPI
        wanted.site = configuration.node.site
        guard wanted != known else { return }
        readdressing = Task { [wanted] in
            let request = PeerRequest.readdress(wanted)
            let answer =
                leader.number == identity.number
                ? await administration.answer(request)
                : await Joining(network: network, logger: logger).ask(request, leader.address)
            logger.notice("this node's addresses have changed", metadata: ["answer": "\(answer)"])
            readdressing = nil
        }
    }

    /// What the database of every member has; nil while one has not been heard of.
    private var appliedEverywhere: LSN? {
        var lowest = appliedLSN
        for member in consensus.raft.membership.members where member.number != identity.number {
            guard let report = reports[member.number] else { return nil }
            lowest = min(lowest, report.content.applied)
        }
        return lowest
    }

    /// A lower bound of the commit index, so that recovery knows which entries must not be cut. Losing it does no harm.
    private func saveCommitHint() {
        let committed = min(consensus.raft.committed, consensus.raft.durable)
        guard committed > commitHintAt else { return }
        do {
            try store.save(committed: committed)
            commitHintAt = committed
        } catch { logger.warning("the commit index can't be saved", metadata: ["error": "\(error)"]) }
    }

    func reportSoon() { sendReport() }

    private func sendReport() {
        do {
            let payload = PeerPayload.encode(report: try ByteBuffer(json: ownReport))
            for member in consensus.raft.membership.members where member.number != identity.number {
                network.sendControl(payload, to: member.number)
            }
        } catch { logger.warning("a report can't be sent", metadata: ["error": "\(error)"]) }
    }

    func record(_ kind: String, _ reason: String) {
        do {
            try store.record(
                Event(
                    time: Date(), kind: kind, reason: reason, term: consensus.raft.term, lsn: consensus.raft.committed))
        } catch { logger.warning("an event can't be recorded", metadata: ["error": "\(error)"]) }
    }

    /// The application's account and schema, made by the first primary and replicated like everything else.
    private func ensureApplication() {
        guard let control = driver?.control else { return }
        let database = configuration.database
        applicationAccount?.cancel()
        applicationAccount = Task {
            do {
                guard let password = try configuration.databasePassword() else { return }
                try await control.ensureApplication(
                    user: database.user, password: password, database: database.database)
            } catch {
                logger.warning("the application's account can't be made", metadata: ["error": "\(error)"])
            }
        }
    }

    // MARK: The end

    /// The log or the state can't be written any more. Commits may wait in the database, so it is fenced. (I5)
    func fail(_ reason: String) async {
        logger.critical("the agent can't go on", metadata: ["reason": "\(reason)"])
        isStopping = true
        driver?.end()
        bridge?.end()
        do { try await driver?.stopServer() } catch {
            logger.critical("the database could not be fenced", metadata: ["error": "\(error)"])
        }
    }

    /// Hands over, drains and stops: the database first, then consensus, then the links.
    func stop() async {
        guard !isStopping else { return }
        logger.notice("stopping")
        if consensus.raft.role == .leader, handsOverAtStop {
            if let obstacle = await switchover(to: nil) {
                logger.warning("nobody could take over", metadata: ["reason": "\(obstacle)"])
            }
        }
        isStopping = true
        driver?.end()
        bridge?.end()
        do { try await driver?.stopServer() } catch {
            logger.error("the database could not be stopped", metadata: ["error": "\(error)"])
        }
        housekeeping?.cancel()
        tls?.stop()
        tokens?.stop()
        apiCertificates?.stop()
        applicationAccount?.cancel()
        readdressing?.cancel()
        switching?.cancel()
        consensus.stop()
        saveCommitHint()
        do { try await network.close().get() } catch {
            logger.warning("the peer links could not be closed", metadata: ["error": "\(error)"])
        }
        consensus.log.close()
        logger.notice("stopped")
    }
}

/// Lets the rooms call back a node that is still being made.
@NodeLoop
private final class NodeHooks {
    weak var node: Node?
}

// MARK: - What consensus says

extension Node: ConsensusObserver {
    func committed(through lsn: LSN) {
        capture.committed(through: lsn)
        bridge?.capture.committed(through: lsn)
        relay.committed(through: lsn)
        administration.committed(through: lsn)
        refreshLeadership()
    }

    func noticed(_ notice: RaftNotice) {
        raftCounters.count(notice)
        switch notice {
        case .roleChanged(let from, let to, let term, let reason):
            sendReport()
            logger.notice("\(from) → \(to)", metadata: ["term": "\(term)", "reason": "\(reason)"])
            if to == .leader || from == .leader || to == .candidate { record("role", "\(from) → \(to): \(reason)") }
            if from == .leader {
                // At once, not with the fence that follows: LSNs that waited may soon belong to other entries. (I1)
                capture.detach()
                bridge?.capture.detach()
                administration.leadershipLost()
                transferEnded(nil)
            }
        case .leaderChanged(let leader, let term):
            let id = leader.flatMap { consensus.raft.membership[$0]?.id } ?? "nobody"
            logger.notice("\(id) leads", metadata: ["term": "\(term)"])
            record("leader", "\(id) leads term \(term)")
        case .electionStarted, .transferStarted:
            logger.info("\(notice)")
        case .electionNotStarted, .electionStalled:
            logger.debug("\(notice)")
            lastElectionObstacle = "\(notice)"
        case .termEstablished(let term, let noOp):
            logger.info("the log of all earlier terms is committed", metadata: ["term": "\(term)", "lsn": "\(noOp)"])
        case .membershipChanged(let membership, let lsn), .membershipCommitted(let membership, let lsn):
            saveMembership(membership, lsn)
            if case .membershipCommitted = notice { removals.committed(membership) }
        case .membershipRolledBack(_, let removed):
            do { try store.removeMemberships(after: removed.previous) } catch {
                logger.error("the membership can't be saved", metadata: ["error": "\(error)"])
            }
        case .transferAborted(_, let obstacle):
            record("switchover", "not done: \(obstacle)")
            bridge?.handle(.handOverFailed(reason: "\(obstacle)"))
            transferEnded(obstacle)
        case .needsProvision, .provisioned, .diverged, .confirmedEntriesMissing:
            logger.error("\(notice)")
            record("member", "\(notice)")
            if case .diverged(let lsn, _) = notice { bridge?.handle(.logDiverged(at: lsn)) }
        case .malformed: logger.warning("\(notice)")
        }
        refreshLeadership()
        onChange?()
    }

    private func saveMembership(_ membership: Membership, _ lsn: LSN) {
        do {
            try store.save(StoredMembership(lsn: lsn, membership: membership))
        } catch {
            logger.error("the membership can't be saved", metadata: ["error": "\(error)"])
        }
    }
}

// MARK: - What the database says

extension Node: DatabaseDriverDelegate {
    func databaseMayLead(_ able: Bool) {
        consensus.handle(.mayLead(able))
        refreshLeadership()
    }

    func databaseResigns(_ reason: String) {
        logger.warning("giving leadership up", metadata: ["reason": "\(reason)"])
        record("resigned", reason)
        consensus.handle(.transferLeadership(to: heir))
    }

    func databaseHandsOver(to target: NodeNumber?) {
        guard bridge == nil else { return handOverBridge(to: target) }
        consensus.handle(.transferLeadership(to: target ?? heir))
    }

    func databaseNoted(_ note: TenureNote) {
        switch note.kind {
        case .guaranteeBroken, .diverged, .needsProvision: logger.critical("database \(note.kind): \(note.reason)")
        case .lost, .fenced, .promotionFailed, .drainFailed: logger.warning("database \(note.kind): \(note.reason)")
        case .started, .adopted, .following, .promoted, .drained: logger.notice("database \(note.kind): \(note.reason)")
        }
        record("database.\(note.kind.rawValue)", note.reason)
        switch note.kind {
        case .promoted:
            sendReport()
            ensureApplication()
        case .drainFailed: transferEnded(.noCandidate)
        case .guaranteeBroken: guaranteeBroken = note.reason
        case .started, .adopted, .lost, .fenced, .following, .promotionFailed, .drained, .diverged, .needsProvision:
            break
        }
        onChange?()
    }

    func databaseHasForeignTables(_ tables: [ForeignTable]) {
        let names = tables.prefix(10).map(\.description).joined(separator: ", ")
        logger.warning(
            "tables outside InnoDB are not held back until the quorum, nor undone after a crash; convert them to InnoDB",
            metadata: ["tables": "\(names)"])
        record("database.foreignTables", names)
    }
}

// MARK: - What the links say

extension Node: PeerNetworkDelegate {
    nonisolated func peerNetwork(_ network: PeerNetwork, control payload: ByteBuffer, from peer: NodeNumber) {
        NodeLoop.assumeIsolated {
            switch PeerPayload(payload) {
            case .raft(let message): consensus.received(control: message, from: peer)
            case .report(let report): received(report, from: peer)
            case .tokens(let tokens): self.tokens?.received(tokens, from: peer)
            case nil: logger.warning("an unknown control message", metadata: ["peer": "\(peer)"])
            }
        }
    }

    nonisolated func peerNetwork(_ network: PeerNetwork, bulk payload: ByteBuffer, from peer: NodeNumber) {
        NodeLoop.assumeIsolated { consensus.received(bulk: payload, from: peer) }
    }

    nonisolated func peerNetwork(_ network: PeerNetwork, connected peer: NodeNumber) {
        NodeLoop.assumeIsolated { consensus.connected(peer) }
    }

    nonisolated func peerNetwork(_ network: PeerNetwork, disconnected peer: NodeNumber, reason: String) {
        NodeLoop.assumeIsolated {
            logger.info("a peer's line is down", metadata: ["peer": "\(peer)", "reason": "\(reason)"])
        }
    }

    nonisolated func peerNetwork(_ network: PeerNetwork, bulkWritable peer: NodeNumber) {
        NodeLoop.assumeIsolated { consensus.pump(peer) }
    }
}
