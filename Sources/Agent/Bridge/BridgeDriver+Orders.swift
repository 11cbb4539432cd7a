import ClusterCore
import Foundation
import Logging
import MariaDBClient
import MariaDBWire
import NIOPosix
import Probes
import WriteAheadLog

/// The orders that look before they act.
extension BridgeDriver {
    func observe(_ endpoint: SiteEndpoint, inSync: Bool) async throws -> GaleraObservation {
        let seen = try await endpoint.control.run(deadline: .seconds(8)) { session throws(SQLError) in
            let name = GaleraSite.channelName
            return inSync
                ? try GaleraProbe.observeInSync(session, channel: name)
                : try GaleraProbe.observe(session, channel: name)
        }
        let assessment = EndpointAssessment(seen, expected: identity)
        if assessment.verdict == .nonPrimary || assessment.verdict == .mismatched {
            throw ServerError.wrongState("\(endpoint.name): \(assessment.reason)")
        }
        return seen
    }

    /// The log's position at `lsn`, with what the clusters held before the bridge began.
    func position(through lsn: LSN) async throws -> GTIDPosition {
        let log = consensus.log
        var position = consensus.raft.membership.galeraKnown.position
        position.advance(to: try await threads.runIfActive { try log.state(through: lsn).position })
        return position
    }

    /// Of all members' clusters.
    var domains: Set<UInt32> { Set(consensus.raft.membership.members.compactMap(\.galera?.domain)) }

    private func restricted(_ position: GTIDPosition, to domains: Set<UInt32>) -> GTIDPosition {
        GTIDPosition(position.gtids.filter { domains.contains($0.domain) })
    }

    /// Notes what the site holds; a node that holds less afterwards is not the place to go on from.
    func remember(_ seen: GaleraObservation) { known.advance(to: restricted(seen.position, to: domains)) }

    // MARK: Comparing

    func compare(_ endpoint: SiteEndpoint, through lsn: LSN) async throws -> SiteComparison {
        guard let identity else {
            throw ServerError.wrongState("this member's Galera cluster is not in the membership")
        }
        let seen = try await observe(endpoint, inSync: true)
        remember(seen)
        let membership = consensus.raft.membership
        let (baseline, known) = (membership.galeraBaseline.position, membership.galeraKnown.position)
        let committed = consensus.raft.committed
        if sentAtMost.isEmpty { sentAtMost = try await position(through: committed) }
        let (log, domains) = (consensus.log, domains)
        let wanted = try await position(through: lsn == .zero ? committed : lsn)
        return try await threads.runIfActive {
            let logged = try log.state(through: committed).position
            if let reason = Self.lack(seen.position, baseline, logged, own: identity.domain) {
                return .needsCopy(reason: reason)
            }
            var orphans = Set<GTID>()
            for gtid in seen.binlogState.gtids + seen.slavePosition.gtids
            where domains.contains(gtid.domain) && !known.covers(gtid) {
                if let at = try log.locate(gtid) {
                    if at > committed {
                        throw ServerError.wrongState("\(gtid) is in the log, not known to be committed")
                    }
                } else if try !log.contains(gtid) {
                    orphans.insert(gtid)
                }
            }
            // What this site wrote as the last source is still to be captured.
            if lsn > .zero, try Self.lastDomain(logged, log).map({ $0 == identity.domain }) ?? true {
                orphans = orphans.filter { $0.domain != identity.domain }
            }
            if !orphans.isEmpty { return .orphans(orphans.sorted { $0.sequence < $1.sequence }) }
            var from = seen.position
            from.advance(to: known)
            do { _ = try log.start(for: from) } catch let error as WALError {
                guard case .positionPurged = error else { throw error }
                return .needsCopy(reason: "\(error)")
            }
            // Orphans that another site keeps for itself are no part of what is wanted here.
            return .contained(complete: seen.position.covers(Self.required(wanted, logged, baseline)))
        }
    }

    /// `wanted` without what only another cluster has.
    private nonisolated static func required(
        _ wanted: GTIDPosition, _ logged: GTIDPosition, _ baseline: GTIDPosition
    ) -> GTIDPosition {
        GTIDPosition(
            wanted.gtids.compactMap { gtid in
                if logged.covers(gtid) || baseline.covers(gtid) { return gtid }
                return [logged[gtid.domain], baseline[gtid.domain]].compactMap { $0 }.max { $0.sequence < $1.sequence }
            })
    }

    /// What no log can give this cluster; nil when it lacks nothing of the kind.
    private nonisolated static func lack(
        _ held: GTIDPosition, _ baseline: GTIDPosition, _ logged: GTIDPosition, own: UInt32
    ) -> String? {
        for gtid in baseline.gtids where !held.covers(gtid) {
            return
                "this cluster lacks what another held before the bridge began (through \(gtid)): load a copy of it, and SET "
                + "GLOBAL gtid_slave_pos to the copy's position on every node"
        }
        if let gtid = logged[own], !held.covers(gtid) {
            return
                "this cluster lacks transactions that it wrote itself (through \(gtid)): it was restored from an older backup, or "
                + "lost its last commits in a crash of all its hosts. It takes no writes; what it took since then is in its binlogs "
                + "alone. Let another site lead (`wolfscale switchover --to NODE`), load a fresh copy of it here, then `wolfscale "
                + "bridge retry`"
        }
        return nil
    }

    /// The domain of the last transaction in the log; nil when there is none.
    private nonisolated static func lastDomain(_ logged: GTIDPosition, _ log: Log) throws -> UInt32? {
        var last: (lsn: LSN, domain: UInt32)?
        for gtid in logged.gtids {
            guard let lsn = try log.locate(gtid) else { continue }
            if last.map({ lsn > $0.lsn }) ?? true { last = (lsn, gtid.domain) }
        }
        return last?.domain
    }

    // MARK: The channel

    /// Proves of every node that no channel of ours applies anything there any more. (B1) One of three will do: the node says so
    /// itself; it is outside the primary component; all that was ever sent to a channel is applied in the cluster.
    func clearChannels() async throws {
        grant.revoke()
        let before = holder
        let unproved = await site.failures(at: site.endpoints) { endpoint in
            let limit: Duration = await endpoint.isReachable ? .seconds(8) : .milliseconds(300)
            try await ChannelControl.remove(at: endpoint, deadline: limit)
        }
        if !unproved.isEmpty {
            guard let reference = site.chosen else {
                throw ServerError.wrongState("no node can say who is in the cluster")
            }
            let seen = try await observe(reference, inSync: true)
            remember(seen)
            var sent = sentAtMost
            sent.advance(to: relay.sentPosition)
            let isAllApplied = seen.position.covers(sent)
            for (endpoint, failure) in unproved {
                if isAllApplied || (seen.members.map { site.isOutside(endpoint, $0) } ?? false) { continue }
                throw ServerError.wrongState(
                    "\(endpoint.name) may still have the channel, is in the cluster and can't be asked: \(failure)")
            }
        }
        holder = nil
        if let before { logger.info("the channel is off", metadata: ["endpoint": "\(site[before].name)"]) }
    }

    func startChannel(_ endpoint: SiteEndpoint) async throws {
        // Again, for what was written since by a node that came back writable. (B4)
        guard case .contained = try await compare(endpoint, through: .zero) else {
            throw ServerError.wrongState("the site's history has changed since it was compared with the log")
        }
        let seen = try await observe(endpoint, inSync: true)
        let expected = known
        remember(seen)
        guard seen.position.covers(expected) else {
            throw ServerError.wrongState(
                "\(endpoint.name) holds \(seen.position), and the cluster has been seen at \(expected), so the channel stays off. "
                    + "If the whole cluster was restored from an older backup: `wolfscale bridge retry`")
        }
        var from = restricted(seen.position, to: domains)
        from.advance(to: consensus.raft.membership.galeraKnown.position)
        let log = consensus.log
        let start = from
        _ = try await threads.runIfActive { try log.start(for: start) }
        holder = endpoint.id
        let login = grant.grant()
        try await ChannelControl.start(
            at: endpoint, from: start, slavePosition: seen.slavePosition,
            ChannelControl.Primary(
                host: settings.relayAddress.host, port: settings.relayAddress.port, user: login.user,
                password: login.password))
    }

    func awaitApplied(at endpoint: SiteEndpoint, through lsn: LSN) async throws {
        let log = consensus.log
        var target = consensus.raft.membership.galeraBaseline.position
        target.advance(to: try await threads.runIfActive { try log.state(through: lsn).position })
        while !Task.isCancelled {
            let seen = try await observe(endpoint, inSync: false)
            remember(seen)
            if seen.position.covers(target) { return }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    // MARK: The source

    /// - Returns: nil when the capture runs; otherwise what has become of the cluster's history, which was set back.
    func startCapture(_ endpoint: SiteEndpoint) async throws -> SiteComparison? {
        guard let identity else {
            throw ServerError.wrongState("this member's Galera cluster is not in the membership")
        }
        capture.detach()
        let logged = try await position(through: consensus.raft.last)
        var seen = try await observe(endpoint, inSync: false)
        if !seen.position.covers(logged) {
            // A node may be late; in sync it speaks for its cluster.
            seen = try await observe(endpoint, inSync: true)
            if let reason = Self.lack(seen.position, GTIDPosition(), logged, own: identity.domain) {
                return .needsCopy(reason: reason)
            }
            let baseline = consensus.raft.membership.galeraBaseline.position
            let inLog = try await threads.runIfActive { [log = consensus.log, last = consensus.raft.last] in
                try log.state(through: last).position
            }
            if !seen.position.covers(Self.required(logged, inLog, baseline)) { return .contained(complete: false) }
        }
        let present = seen.binlogState.position
        // A domain that its binlog does not know can't be named; in one that the log does not know only what comes from now on counts.
        let known = Set(logged.gtids.map(\.domain)).union([identity.domain]).union(otherDomains)
        var start = GTIDPosition(logged.gtids.filter { present[$0.domain] != nil })
        start.advance(to: GTIDPosition(present.gtids.filter { !known.contains($0.domain) }))
        try await capture.attach(
            BinlogSource.Configuration(
                address: .tcp(host: endpoint.host, port: endpoint.port),
                credentials: Credentials(user: settings.login.user, password: settings.login.password ?? ""),
                serverID: settings.replicaServerID, start: start, semiSync: false,
                fragmentBytesMax: settings.fragmentBytesMax, heartbeat: .milliseconds(500),
                connectTimeout: .seconds(3), logger: logger),
            logged: logged, domains: BridgeCapture.Domains(own: identity.domain, foreign: otherDomains))
        return nil
    }

    /// Waits until the log has committed all that any node of the closed cluster has written.
    func settle() async throws {
        guard let identity else {
            throw ServerError.wrongState("this member's Galera cluster is not in the membership")
        }
        let deadline = ContinuousClock.now + .seconds(15)
        var reached = GTIDPosition()
        for endpoint in site.endpoints where endpoint.isReachable && !site.isOutside(endpoint) {
            let seen = try await observe(endpoint, inSync: true)
            guard seen.isReadOnly else { throw ServerError.wrongState("\(endpoint.name) takes writes again") }
            reached.advance(to: restricted(seen.binlogPosition, to: [identity.domain]))
        }
        while !(capture.captured.covers(reached) && capture.isSettled) {
            guard capture.isAttached else { throw ServerError.wrongState("the capture has ended") }
            guard ContinuousClock.now < deadline else {
                throw ServerError.wrongState(
                    "not all that was written is committed within 15 s: written \(reached), captured \(capture.captured)"
                )
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
