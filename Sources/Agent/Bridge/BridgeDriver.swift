import ClusterCore
import Foundation
import Logging
import MariaDBWire
import NIOCore
import NIOPosix
import Probes
import WriteAheadLog

/// What the driver hands to the rest of the node.
@NodeLoop
protocol BridgeDriverDelegate: AnyObject {
    func databaseMayLead(_ able: Bool)
    func databaseResigns(_ reason: String)
    func databaseHandsOver(to target: NodeNumber?)
    func bridgeNoted(_ note: BridgeNote)
    func bridgeRecorded(_ kind: String, _ reason: String)
}

/// Carries out what ``Bridge`` orders, one order at a time, and reports what came of it.
@NodeLoop
final class BridgeDriver {
    private(set) var bridge = Bridge()
    let site: GaleraSite
    let capture: BridgeCapture
    let consensus: Consensus
    let relay: Relay
    let grant: RelayGrant
    let threads: NIOThreadPool
    let settings: Settings
    let logger: Logger
    weak var delegate: (any BridgeDriverDelegate)?

    /// Where the channel is, or may be.
    var holder: EndpointID?
    /// The most that any node of the site was seen to hold, as far as the log's domains go. (Galera never takes anything back.)
    var known = GTIDPosition()
    /// Everything that may ever have been sent to a channel of this site before this agent started.
    var sentAtMost = GTIDPosition()
    /// Everything of the log through here is in the cluster.
    private(set) var applied: LSN = .zero
    private(set) var orphans: OrphanExport?
    /// Where the applier stopped last.
    private var stoppedAt: GTIDPosition?
    var lastNote: BridgeNote?
    private var work: Task<Void, Never>?
    private var attempts = BridgeAttempts()
    private var measuring: Task<Void, Never>?
    /// The last transaction that this site wrote itself although it is fed; nil when there is none.
    var strayWrite: GTID?
    /// What the nodes' settings lack, as last looked up.
    var settingFindings: [Check] = []
    var checking: Task<Void, Never>?

    struct Settings: Sendable {
        var number: NodeNumber
        /// Where the nodes reach the relay.
        var relayAddress: (host: String, port: Int)
        var login: SQLLogin
        var fragmentBytesMax: Int
        var orphanDirectory: String
        /// Looks at every node's settings; blocks.
        var findings: @Sendable () -> [Check]
        /// As a replica of the source.
        var replicaServerID: UInt32 { 1024 + UInt32(number.rawValue) }
    }

    init(
        site: GaleraSite, capture: BridgeCapture, consensus: Consensus, relay: Relay, grant: RelayGrant,
        threads: NIOThreadPool, settings: Settings, logger: Logger
    ) {
        self.site = site
        self.capture = capture
        self.consensus = consensus
        self.relay = relay
        self.grant = grant
        self.threads = threads
        self.settings = settings
        self.logger = logger
    }

    /// This member's cluster, as the membership knows it.
    var identity: GaleraIdentity? { consensus.raft.membership[settings.number]?.galera }
    var otherDomains: Set<UInt32> {
        Set(consensus.raft.membership.members.filter { $0.number != settings.number }.compactMap(\.galera?.domain))
    }

    func begin() {
        site.delegate = self
        site.expected = identity
        grant.revoke()
        site.start()
        carryOut(bridge.begin())
        checkSettings()
    }

    func handle(_ event: BridgeEvent) { carryOut(bridge.handle(event)) }

    /// An administrator has put something right, or says that the cluster is as it should be, even if it once held more.
    func retry() {
        known = GTIDPosition()
        applied = .zero
        handle(.retry)
    }

    /// Leaves the cluster as it is: it goes on without the bridge, and a channel goes on with what it was sent.
    func end() {
        handle(.stop)
        work?.cancel()
        measuring?.cancel()
        checking?.cancel()
        capture.detach()
        site.stop()
    }

    private func carryOut(_ effects: BridgeEffects) {
        if bridge.state.isRunning { attempts = BridgeAttempts() }
        if let policy = effects.site { site.policy = policy }
        if let order = effects.order { begin(order) }
        for note in effects.notes { delegate?.bridgeNoted(named(note)) }
        if let able = effects.mayLead { delegate?.databaseMayLead(able) }
        if let reason = effects.resign { delegate?.databaseResigns(reason) }
        if let handOver = effects.handOver { delegate?.databaseHandsOver(to: handOver.target) }
    }

    /// With the names of endpoints in the place of their numbers.
    private func named(_ note: BridgeNote) -> BridgeNote {
        var note = note
        note.reason = named(note.reason)
        return note
    }

    private func begin(_ order: BridgeOrder) {
        work?.cancel()
        logger.debug("bridge: \(order.action)", metadata: ["order": "\(order.id)"])
        work = Task {
            let outcome: BridgeOutcome
            do {
                outcome = try await perform(order)
            } catch {
                outcome = .failed(reason: "\(error)")
                if !Task.isCancelled {
                    let level: Logger.Level = attempts.failed("\(error)") ? .warning : .debug
                    logger.log(level: level, "bridge: \(order.action) failed: \(error)")
                }
            }
            if !Task.isCancelled { handle(.finished(order.id, outcome)) }
        }
    }

    private func perform(_ order: BridgeOrder) async throws -> BridgeOutcome {
        switch order.action {
        case .close: try await close()
        case .open: try await open()
        case .compare(let id, let lsn): return .compared(try await compare(site[id], through: lsn))
        case .exportOrphans(let id): orphans = try await exportOrphans(from: site[id])
        case .clearChannels: try await clearChannels()
        case .startChannel(let id): try await startChannel(site[id])
        case .awaitApplied(let id, let lsn): try await awaitApplied(at: site[id], through: lsn)
        case .startCapture(let id, _):
            if let comparison = try await startCapture(site[id]) { return .compared(comparison) }
        case .settle: try await settle()
        case .pause: try await Task.sleep(for: attempts.pause(in: bridge.state))
        }
        return .done
    }

    private func close() async throws {
        let failures = await site.setReadOnly(true)
        if bridge.leadership.isLeader == false { capture.detach() }
        guard failures.isEmpty else { throw ServerError.wrongState(failures.joined(separator: "; ")) }
    }

    private func open() async throws {
        let failures = await site.setReadOnly(false)
        guard failures.isEmpty else { throw ServerError.wrongState(failures.joined(separator: "; ")) }
    }

    // MARK: Measuring

    /// Looks up how much of the log the cluster has, after each look at the best node.
    private func measure(_ position: GTIDPosition) {
        guard measuring == nil else { return }
        let (log, committed) = (consensus.log, consensus.raft.committed)
        let own = identity.flatMap { position[$0.domain] }
        measuring = Task { [weak self, threads] in
            do {
                let (found, logged) = try await threads.runIfActive { () -> (LSN, GTIDPosition) in
                    let logged = try log.state(through: committed).position
                    if position.covers(logged) { return (committed, logged) }
                    var last = LSN.zero
                    for gtid in position.gtids { last = max(last, try log.locate(gtid) ?? .zero) }
                    return (last, logged)
                }
                if let self {
                    self.applied = max(self.applied, found)
                    self.noteStray(own, logged: logged)
                }
            } catch { self?.logger.debug("the applied position is not known", metadata: ["error": "\(error)"]) }
            self?.measuring = nil
        }
    }

    var channel: ReplicaChannel? { holder.flatMap { site[$0].observation?.channel } }
}

extension BridgeDriver: GaleraSiteDelegate {
    func siteChose(_ choice: EndpointChoice) {
        let reason = named(choice.reason)
        delegate?.bridgeRecorded("endpoint", "\(choice.id.map { site[$0].name } ?? "none"): \(reason)")
        handle(.endpoint(choice.id, reason: reason))
    }

    func siteNoted(_ endpoint: SiteEndpoint, _ before: EndpointVerdict) {
        let now = endpoint.tracker.assessment
        let text = "\(endpoint.name): \(before.rawValue) → \(now.verdict.rawValue)"
        logger.info("\(text)", metadata: ["reason": "\(now.reason)"])
        delegate?.bridgeRecorded("galera", now.reason.isEmpty ? text : "\(text): \(now.reason)")
        // It may have been started with other settings.
        if now.verdict == .healthy, before == .unreachable || before == .joining { checkSettings() }
    }

    func mayHaveChannel(_ id: EndpointID) -> Bool { holder == id }

    func siteSaw(_ endpoint: SiteEndpoint, _ seen: GaleraObservation) {
        if site.expected == nil { site.expected = identity }
        if endpoint.id == site.choice.id { measure(seen.position) }
        guard endpoint.id == holder else { return }
        guard let channel = seen.channel else {
            return handle(.channelLost(endpoint.id, reason: "\(endpoint.name) has no channel any more"))
        }
        if let failure = channel.sqlFailure, !channel.isApplying {
            let text = "\(endpoint.name), after \(seen.slavePosition), error \(failure.errno): \(failure.message)"
            // A conflict, or a node on its way out of its cluster, goes by; what stops it twice at the same place does not.
            let isSecond = stoppedAt == seen.slavePosition && endpoint.tracker.assessment.verdict == .healthy
            stoppedAt = seen.slavePosition
            return handle(
                isSecond ? .applierStopped(endpoint.id, reason: text) : .channelLost(endpoint.id, reason: text))
        }
        if !channel.isApplying || channel.io == .stopped {
            let text = channel.ioFailure.map { "error \($0.errno): \($0.message)" } ?? "it was stopped"
            handle(.channelLost(endpoint.id, reason: "\(endpoint.name): \(text)"))
        }
    }
}

extension Standing {
    var isLeader: Bool { if case .leader = self { true } else { false } }
}
