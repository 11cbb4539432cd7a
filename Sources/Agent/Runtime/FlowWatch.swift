import ClusterCore
import Gateway
import Logging
import NIOCore
import Probes
import WANLink
import WriteAheadLog

/// Looks twice a second at what flows and what stands in its way: members that catch up, a disk without room, appliers that
/// are too far behind.
@NodeLoop
final class FlowWatch {
    private let consensus: Consensus
    private let capture: Capture
    private let directory: String
    private let logger: Logger
    private var estimators: [NodeNumber: CatchUpEstimator] = [:]
    private var saidAt: [NodeNumber: ClusterCore.Instant] = [:]
    private var disk: DiskGate
    private var lag: ApplyLagGate
    private var availableBytes: UInt64 = 0

    /// How often a catch-up is logged.
    private static let sayEvery: Duration = .seconds(5)

    init(configuration: Configuration, consensus: Consensus, capture: Capture, logger: Logger) {
        self.consensus = consensus
        self.capture = capture
        self.logger = logger
        directory = configuration.node.dataDirectory
        disk = DiskGate(
            segmentBytes: configuration.wal.segmentSizeMB << 20, windowBytes: configuration.link.windowMB << 20)
        lag = ApplyLagGate(
            maxMB: configuration.replication.maxApplyLagMB, maxSeconds: configuration.replication.maxApplyLagSeconds)
    }

    func look(_ reports: [NodeNumber: ReceivedReport], now: ClusterCore.Instant) {
        lookAtDisk()
        lookAtPeers(now)
        lookAtAppliers(reports, now)
    }

    // MARK: The disk

    /// Why this node takes nothing in; nil while it does.
    var obstacle: String? {
        guard disk.isClosed else { return nil }
        return
            "the disk of \(directory) has \(availableBytes >> 20) MB free and \(disk.floorBytes >> 20) MB are kept as a "
            + "reserve; make room, and it goes on by itself"
    }

    private func lookAtDisk() {
        do throws(DiskSpace.Failure) {
            availableBytes = try DiskSpace(of: directory).availableBytes
        } catch {
            logger.debug("\(error)")
            return
        }
        let wasClosed = disk.isClosed
        disk.look(availableBytes: availableBytes)
        if disk.isClosed != wasClosed {
            capture.hold(.disk, disk.isClosed)
            if let obstacle {
                logger.error("no more is taken in: \(obstacle)")
            } else {
                logger.notice("there is room on the disk again: going on")
            }
        }
        // Without its changing number, so that the senders are told once.
        consensus.obstacle = disk.isClosed ? "its disk is full" : nil
    }

    // MARK: Appliers

    var throttleReason: String? {
        lag.waitsFor.map {
            "commits are slowed down until \($0.member), whose database is \($0.bytes >> 20) MB "
                + "(\(Int($0.seconds)) s) behind, has caught up (replication.max_apply_lag_mb, _seconds)"
        }
    }

    private func lookAtAppliers(_ reports: [NodeNumber: ReceivedReport], _ now: ClusterCore.Instant) {
        guard !lag.isOff else { return }
        let was = lag.waitsFor?.member
        lag.look(consensus.raft.role == .leader ? applierLags(reports, now) : [])
        guard lag.waitsFor?.member != was else { return }
        capture.hold(.appliers, lag.waitsFor != nil)
        if let throttleReason {
            logger.warning("\(throttleReason)")
        } else {
            logger.notice("commits go on at full speed")
        }
    }

    /// Of the voters with a database that were heard of lately; who is not there is not waited for.
    private func applierLags(_ reports: [NodeNumber: ReceivedReport], _ now: ClusterCore.Instant) -> [ApplyLagGate.Lag]
    {
        let raft = consensus.raft
        let committed = consensus.log.bytes(after: raft.committed)
        return raft.membership.members.compactMap { member in
            guard member.number != raft.node, member.role == .voter, let report = reports[member.number],
                now.duration(since: report.at) < .milliseconds(2_500), report.content.database == "replica"
            else { return nil }
            let behind = consensus.log.bytes(after: min(report.content.applied, raft.committed))
            return ApplyLagGate.Lag(
                member: member.id, bytes: behind > committed ? behind - committed : 0,
                seconds: report.content.lagSeconds ?? 0)
        }
    }

    // MARK: Peers

    /// Of the members that are far behind, on the leader.
    var catchUps: [NodeNumber: CatchUp] {
        var result: [NodeNumber: CatchUp] = [:]
        for (peer, estimator) in estimators {
            guard let match = consensus.raft.progress(of: peer)?.match else { continue }
            result[peer] = estimator.state(entriesLeft: consensus.raft.last - match)
        }
        return result
    }

    private func lookAtPeers(_ now: ClusterCore.Instant) {
        let (raft, log) = (consensus.raft, consensus.log)
        guard raft.role == .leader else { return estimators.removeAll() }
        for peer in raft.peers {
            guard peer.state != .needsProvision else {
                estimators[peer.peer] = nil
                continue
            }
            var estimator = estimators[peer.peer] ?? CatchUpEstimator()
            let wasCatchingUp = estimator.isCatchingUp
            estimator.look(at: peer.match, left: log.bytes(after: peer.match), now: now) { log.bytes(after: $0) }
            estimators[peer.peer] = estimator
            say(peer, estimator, wasCatchingUp: wasCatchingUp, now)
        }
        for peer in estimators.keys where raft.progress(of: peer) == nil { estimators[peer] = nil }
    }

    private func say(
        _ peer: PeerProgress, _ estimator: CatchUpEstimator, wasCatchingUp: Bool, _ now: ClusterCore.Instant
    ) {
        let id = consensus.raft.membership[peer.peer]?.id ?? "member \(peer.peer)"
        guard let state = estimator.state(entriesLeft: consensus.raft.last - peer.match) else {
            if wasCatchingUp { logger.notice("\(id) has caught up") }
            return
        }
        if let said = saidAt[peer.peer], now.duration(since: said) < Self.sayEvery, wasCatchingUp { return }
        saidAt[peer.peer] = now
        logger.notice(
            "\(id) is catching up: \(state.description)")
    }
}

extension CatchUp {
    /// `12,345 entries (512 MB) to go at 11 MB/s, about 46 s`
    var description: String {
        let rate = bytesPerSecond >= 10 << 20 ? "\(bytesPerSecond >> 20) MB/s" : "\(bytesPerSecond >> 10) KB/s"
        let eta = etaSeconds.map { ", about \(Self.time($0))" } ?? ""
        return "\(entriesLeft) entries (\(bytesLeft >> 20) MB) to go at \(rate)\(eta)"
    }

    static func time(_ seconds: Double) -> String {
        let whole = Int(min(max(seconds, 0), 1e9).rounded(.up))
        if whole < 120 { return "\(whole) s" }
        if whole < 7_200 { return "\(whole / 60) min" }
        return "\(whole / 3_600) h \(whole % 3_600 / 60) min"
    }
}
