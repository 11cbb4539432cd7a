import ClusterCore
import Foundation
import Gateway
import Logging
import Probes
import WriteAheadLog

/// What the node says of itself and of its cluster.
extension Node {
    /// The agent's version.
    nonisolated static let version = AgentVersion.text

    var status: NodeStatus {
        let raft = consensus.raft
        let log = consensus.log
        let leader = raft.leader.flatMap { raft.membership[$0] }
        let applied = appliedLSN
        return NodeStatus(
            node: .init(
                id: identity.nodeID, number: identity.number, site: configuration.node.site,
                role: raft.ownRole ?? configuration.node.role),
            cluster: .init(name: identity.clusterName, id: identity.clusterID),
            raft: .init(state: raftState, term: raft.term, leaderID: leader?.id, leaderAPI: leader?.api),
            log: .init(
                first: log.first, last: raft.last, durable: raft.durable, committed: raft.committed, applied: applied),
            database: databaseStatus,
            lag: .init(entries: raft.committed - applied, seconds: lagSeconds), version: Self.version,
            warnings: warnings,
            events: recentEvents(5), orphans: orphanRecords, links: linkRecords, catchUp: ownCatchUp,
            tls: tls?.status() ?? .off, bridge: bridgeStatus)
    }

    private var raftState: String {
        let raft = consensus.raft
        switch raft.role {
        case .leader: return "leader"
        case .candidate, .preCandidate: return "candidate"
        case .follower: return raft.ownRole == .learner ? "learner" : "follower"
        }
    }

    private var databaseStatus: NodeStatus.Database {
        if let bridge { return bridge.databaseStatus }
        guard let driver else { return .init(mode: "none", state: "none", endpoint: nil, gtid: nil, writable: false) }
        let isPrimary = if case .primary = driver.tenure.state { true } else { false }
        return .init(
            mode: configuration.database.managed ? "managed" : "attached", state: driver.tenure.state.name,
            endpoint: "\(configuration.database.host):\(configuration.database.port)",
            gtid: driver.monitor?.observation?.position.description, writable: isPrimary)
    }

    var lagSeconds: Double? {
        if let bridge {
            return consensus.raft.committed <= appliedLSN ? 0 : bridge.channel?.secondsBehind.map(Double.init)
        }
        guard let driver else { return 0 }
        if consensus.raft.committed <= appliedLSN { return 0 }
        return driver.monitor?.channel?.secondsBehind.map(Double.init)
    }

    private var orphanRecords: [OrphanRecord] {
        guard let orphans = driver?.orphans ?? bridge?.orphans else { return [] }
        return [
            OrphanRecord(
                gtids: orphans.gtids, transactions: orphans.count, sqlFile: orphans.directory + "/orphans.sql",
                exportedAt: orphans.exportedAt)
        ]
    }

    var warnings: [String] {
        var warnings: [String] = []
        let raft = consensus.raft
        if let bridge { warnings += bridge.warnings }
        if raft.membership.voters.count == 2, bridge == nil {
            warnings.append(
                "a cluster of two has no automatic failover: both must live; add a third voter or a witness")
        }
        if let guaranteeBroken { warnings.append(guaranteeBroken) }
        warnings += tls?.warnings ?? []
        if let tables = driver?.monitor?.foreignTables, !tables.isEmpty {
            warnings.append(
                "tables outside InnoDB are not held back until the quorum: "
                    + tables.prefix(10).map(\.description).joined(separator: ", "))
        }
        switch driver?.tenure.state {
        case .diverged(let reason): warnings.append("this database has diverged: \(reason)")
        case .needsProvision(let reason): warnings.append("this database needs a fresh copy: \(reason)")
        case .down(let reason): warnings.append("the database is down: \(reason)")
        default: break
        }
        warnings += leftBehindWarnings
        warnings += flowWarnings
        if raft.leader == nil { warnings.append("no leader is known" + (lastElectionObstacle.map { ": \($0)" } ?? "")) }
        return warnings
    }

    var health: Health {
        let raft = consensus.raft
        guard raft.leader != nil else { return .failing(reason: "no leader is known") }
        if let obstacle = flow.obstacle { return .failing(reason: obstacle) }
        if isLeftBehind { return .failing(reason: "the log no longer reaches back to what this node has") }
        if let bridge { return bridge.health }
        guard let driver else { return .ok }
        switch driver.tenure.state {
        case .primary: return .ok
        case .replica: return raft.role == .leader ? .failing(reason: "being promoted") : .ok
        case .down(let reason), .fencing(let reason), .diverged(let reason), .needsProvision(let reason):
            return .failing(reason: "the database is \(driver.tenure.state.name): \(reason)")
        case .starting, .recovering, .adopted, .promoting, .draining, .stopped:
            return .failing(reason: "the database is \(driver.tenure.state.name)")
        }
    }

    func recentEvents(_ limit: Int) -> [EventRecord] {
        do {
            return try store.events(last: limit).sorted { $0.time > $1.time }.map { event in
                EventRecord(
                    time: event.time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)),
                    kind: event.kind,
                    message: event.reason, term: event.term, lsn: event.lsn)
            }
        } catch {
            logger.warning("the event history can't be read", metadata: ["error": "\(error)"])
            return []
        }
    }

    // MARK: The cluster

    var clusterStatus: ClusterStatus {
        let raft = consensus.raft
        return ClusterStatus(
            leaderID: raft.leader.flatMap { raft.membership[$0]?.id }, term: raft.term,
            members: raft.membership.members.map(memberStatus))
    }

    private func memberStatus(_ member: Member) -> MemberStatus {
        if member.number == identity.number {
            return MemberStatus(
                member, state: ownState, matchLSN: consensus.raft.durable, appliedLSN: appliedLSN, lastContactMS: 0)
        }
        let progress = consensus.raft.progress(of: member.number)
        let report = reports[member.number]
        let contact = report.map { Consensus.now.duration(since: $0.at) }
        return MemberStatus(
            member, state: state(of: member, progress, report, contact), matchLSN: progress?.match,
            appliedLSN: report?.content.applied, lastContactMS: contact.map { UInt64($0 / .milliseconds(1)) })
    }

    private var ownState: MemberState {
        if isLeftBehind { return .needsProvision }
        if let bridge {
            return state(ofDatabase: bridge.bridge.state.name, behind: consensus.raft.committed - appliedLSN)
        }
        guard let driver else { return .active }
        return state(ofDatabase: driver.tenure.state.name, behind: consensus.raft.committed - appliedLSN)
    }

    private func state(
        of member: Member, _ progress: PeerProgress?, _ report: ReceivedReport?, _ contact: Duration?
    ) -> MemberState {
        guard let report, let contact, contact < .milliseconds(2_500) else {
            return report == nil && member.promoteTo != nil ? .joining : .offline
        }
        if progress?.state == .needsProvision { return .needsProvision }
        if member.promoteTo != nil { return .joining }
        if member.role == .witness { return .active }
        return state(ofDatabase: report.content.database, behind: consensus.raft.committed - report.content.applied)
    }

    private func state(ofDatabase state: String, behind: UInt64) -> MemberState {
        switch state {
        case "diverged", "faulted": .diverged
        case "provisioning": .needsProvision
        case "primary": .active
        case "replica": behind > 1_000 ? .lagging : .active
        default: .syncing
        }
    }

    // MARK: Writes

    enum WriteTarget: Sendable {
        case here
        /// The leader's API, `host:port`.
        case leader(String)
        case nobody(String)
    }

    var writeTarget: WriteTarget {
        let raft = consensus.raft
        if bridge != nil { return .nobody("this node bridges a Galera cluster; write to the cluster itself") }
        if raft.role == .leader {
            if case .primary = driver?.tenure.state { return .here }
            return .nobody("this node leads, and its database is \(driver?.tenure.state.name ?? "none")")
        }
        guard let leader = raft.leader.flatMap({ raft.membership[$0] }) else {
            return .nobody("the cluster has no leader at the moment")
        }
        return leader.api.isEmpty ? .nobody("the leader \(leader.id) has no HTTP API") : .leader(leader.api)
    }

    func lsn(of gtid: GTID) -> LSN? { (bridge?.capture.recent ?? capture.recent).lsn(of: gtid) }

    /// As many as can be had at once, `count` at the most.
    func nextSnowflakes(_ count: Int) -> [UInt64] {
        var ids: [UInt64] = []
        while ids.count < count, case .id(let id) = nextSnowflake() { ids.append(id) }
        return ids
    }

    func nextSnowflake() -> Snowflake.Outcome {
        snowflake.next(nowMs: UInt64(max(0, Date().timeIntervalSince1970 * 1_000)))
    }
}
