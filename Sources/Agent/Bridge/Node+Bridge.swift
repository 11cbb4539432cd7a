import ClusterCore
import Gateway
import Logging
import NIOCore
import Probes
import WANLink
import WriteAheadLog

/// What a node does differently when it bridges Galera clusters: who votes, and how leadership moves between sites.
extension Node: BridgeDriverDelegate {
    func bridgeNoted(_ note: BridgeNote) {
        if note.kind == .drainFailed { transferEnded(.noCandidate) }
        // What is tried again and again is said once.
        guard note != bridge?.lastNote else { return }
        bridge?.lastNote = note
        switch note.kind {
        case .diverged, .needsCopy, .applierStopped: logger.critical("site \(note.kind): \(note.reason)")
        case .captureLost, .channelLost, .drainFailed, .fenced, .noEndpoint:
            logger.warning("site \(note.kind): \(note.reason)")
        case .capturing, .following, .promoted, .drained: logger.notice("site \(note.kind): \(note.reason)")
        }
        record("site.\(note.kind.rawValue)", note.reason)
        switch note.kind {
        case .promoted, .drained, .following: reportSoon()
        case .drainFailed, .diverged, .needsCopy, .applierStopped, .captureLost, .channelLost, .fenced, .noEndpoint,
            .capturing:
            break
        }
    }

    func bridgeRecorded(_ kind: String, _ reason: String) { record(kind, reason) }

    // MARK: Who votes

    /// Whether a third party can say which site leads. Without one the primary's agent votes alone (docs/decisions/0012).
    var hasWitness: Bool { consensus.raft.membership.voters.count > 2 || hasWitnessMember }
    private var hasWitnessMember: Bool { consensus.raft.membership.members.contains { $0.role == .witness } }

    /// Leadership moves by itself when this node stops, where that is possible; a bridge without a witness waits for its agent.
    var handsOverAtStop: Bool { bridge == nil || hasWitness }

    /// Without a witness the other site's agent gets its vote at the last moment, so that its loss never stops the log.
    func handOverBridge(to wanted: NodeNumber?) {
        guard let target = wanted ?? otherSite?.number else {
            bridge?.handle(.handOverFailed(reason: "there is no other site"))
            return transferEnded(.noCandidate)
        }
        switching = Task {
            do {
                let membership = consensus.raft.membership
                if var member = membership[target], member.role == .learner {
                    member.role = .voter
                    member.promoteTo = nil
                    member.voteIsLent = true
                    try await administration.change(to: membership.setting(member))
                }
                consensus.handle(.transferLeadership(to: target))
            } catch {
                bridge?.handle(.handOverFailed(reason: "the other site got no vote: \(error)"))
                transferEnded(.noCandidate)
            }
        }
    }

    /// Takes the other site's vote away again after a switchover, or after one that failed. Called now and then by the leader.
    func settleVotes() {
        let raft = consensus.raft
        guard bridge?.isHandingOver == false, transferWaiters.isEmpty, raft.role == .leader, raft.noOpCommitted,
            raft.transferTarget == nil,
            var own = raft.membership[identity.number],
            var other = raft.membership.voters.first(where: {
                $0.number != identity.number && $0.role == .voter && ($0.voteIsLent == true || own.voteIsLent == true)
            })
        else { return }
        own.voteIsLent = nil
        other.role = .learner
        other.promoteTo = nil
        other.voteIsLent = nil
        do {
            _ = try consensus.propose(raft.membership.setting(other).setting(own))
            logger.notice("the other site learns from now on", metadata: ["id": "\(other.id)"])
        } catch { logger.debug("the other site keeps its vote for now", metadata: ["reason": "\(error)"]) }
    }

    private var otherSite: Member? {
        consensus.raft.membership.members.first { $0.number != identity.number && $0.role.hasDatabase }
    }

    // MARK: Switchover

    /// Why a planned switchover could not finish, asked before anything is touched.
    func bridgeSwitchoverObstacle(to target: NodeNumber?) -> String? {
        guard let bridge else { return nil }
        guard let target = target ?? otherSite?.number else { return "there is no other site" }
        guard target != identity.number else { return "\(identity.nodeID) leads already" }
        guard let member = consensus.raft.membership[target], member.role.hasDatabase else {
            return "that member has no Galera cluster"
        }
        switch bridge.bridge.state {
        case .sourcing(.running, _): break
        // It takes no writes, and lacks what the log holds: nothing of it remains to be drained.
        case .needsCopy: break
        default: return "this site is \(bridge.bridge.state.name), so what was written can't be drained"
        }
        guard let progress = consensus.raft.progress(of: target), let report = reports[target],
            Consensus.now.duration(since: report.at) < .milliseconds(2_500)
        else { return "\(member.id) has not been heard of lately" }
        guard report.content.database == "replica" else {
            let trouble = report.content.site?.trouble.map { ": \($0)" } ?? ""
            return "the site of \(member.id) is \(report.content.database), not fed\(trouble)"
        }
        let behind = consensus.raft.last - min(progress.match, report.content.applied)
        if behind > 10_000 { return "\(member.id) is \(behind) entries behind; wait until it has caught up" }
        let unreached = bridge.site.endpoints.filter { !$0.isReachable && !bridge.site.isOutside($0) }
        if let endpoint = unreached.first {
            return "\(endpoint.name) is in the cluster and can't be asked, so its writes can't be stopped"
        }
        return nil
    }

    /// Makes this node the cluster by itself: the other site is lost. What it confirmed and this log has not is lost with it, or will be
    /// exported there as orphans. It is fenced by the later term when it comes back.
    func takeOverByForce(dryRun: Bool) throws(AdministrationError) -> SwitchoverResult {
        guard bridge != nil else {
            throw .refused(reason: "only a site of a Galera bridge can take over by force")
        }
        let raft = consensus.raft
        if raft.role == .leader { throw .refused(reason: "\(identity.nodeID) leads already") }
        if let leader = raft.leader, let report = reports[leader],
            Consensus.now.duration(since: report.at) < .milliseconds(2_500)
        {
            throw .refused(
                reason:
                    "the leader \(raft.membership[leader]?.id ?? "") answers; use a planned switchover, which loses nothing"
            )
        }
        guard var own = raft.membership[identity.number], raft.divergedAt == nil else {
            throw .refused(reason: "this node is not a member, or has diverged itself")
        }
        own.role = .voter
        own.promoteTo = nil
        own.voteIsLent = nil
        var members = [own]
        for var member in raft.membership.members where member.number != identity.number && member.role.hasDatabase {
            member.role = .learner
            member.promoteTo = nil
            member.voteIsLent = nil
            members.append(member)
        }
        let membership = Membership(members)
        if dryRun { return SwitchoverResult(leaderID: identity.nodeID, term: raft.term.nextEra) }
        record("switchover", "forced: this node alone is the cluster from now on, after LSN \(raft.last)")
        logger.critical("taking over by force", metadata: ["last": "\(raft.last)", "committed": "\(raft.committed)"])
        do {
            let bytes = try Entry(membership: membership).body.readableBytes
            consensus.handle(.forceMembership(membership, bytes: bytes))
        } catch { throw .unavailable(reason: "\(error)", retryAfterSeconds: 1) }
        return SwitchoverResult(leaderID: identity.nodeID, term: consensus.raft.term)
    }

    /// Lets the site try again. Accepted orphans become part of what this cluster held before: never shipped, no longer in the way.
    func retryBridge(acceptingOrphans: Bool) async throws(AdministrationError) -> BridgeRetry {
        guard let bridge else { throw .refused(reason: "this node bridges no Galera cluster") }
        let before = bridge.bridge.state.name
        if acceptingOrphans { try await acceptOrphans(bridge) }
        record("bridge.retry", "asked for, while the site was \(before)\(acceptingOrphans ? "; orphans accepted" : "")")
        bridge.retry()
        return BridgeRetry(before: before)
    }

    private func acceptOrphans(_ bridge: BridgeDriver) async throws(AdministrationError) {
        guard case .diverged = bridge.bridge.state, let endpoint = bridge.site.chosen, bridge.orphans != nil else {
            throw .refused(reason: "the site is \(bridge.bridge.state.name): only exported orphans can be accepted")
        }
        guard var own = consensus.raft.membership[identity.number], let galera = own.galera,
            let leader = consensus.raft.leader.flatMap({ consensus.raft.membership[$0] })
        else { throw .unavailable(reason: "no leader is known", retryAfterSeconds: 1) }
        do {
            let seen = try await bridge.observe(endpoint, inSync: true)
            var accepted = galera.acceptedState
            accepted.advance(to: GTIDState(seen.binlogState.gtids.filter { $0.domain == galera.domain }))
            own.galera?.accepted = accepted.description
            let request = PeerRequest.readdress(own)
            let answer =
                leader.number == identity.number
                ? await administration.answer(request)
                : await Joining(network: network, logger: logger).ask(request, leader.address)
            guard case .done = answer else { throw AgentError("the leader answers \(answer)") }
            let deadline = ContinuousClock.now + .seconds(10)
            while consensus.raft.membership[identity.number]?.galera != own.galera {
                guard ContinuousClock.now < deadline else { throw AgentError("the new membership has not arrived") }
                try await Task.sleep(for: .milliseconds(20))
            }
        } catch { throw .unavailable(reason: "\(error)", retryAfterSeconds: 1) }
    }

    // MARK: Status

    var galeraEndpoints: [EndpointHealth] { bridge?.endpointHealth ?? [] }

    var bridgeStatus: BridgeStatus? {
        guard let bridge else { return nil }
        let others = consensus.raft.membership.members.filter { $0.number != identity.number }
        return BridgeStatus(
            sites: [bridge.siteStatus(configuration.node.site)]
                + others.compactMap { reports[$0.number]?.content.site },
            links: others.map(linkStatus))
    }

    private func linkStatus(_ member: Member) -> BridgeLinkStatus {
        let link = network.linkState(of: member.number)
        let contact = reports[member.number].map { Consensus.now.duration(since: $0.at) }
        return BridgeLinkStatus(
            member: member.id, connected: link?.controlConnected ?? false,
            roundTripMS: link?.roundTrip.map { $0 / .milliseconds(1) },
            behind: consensus.raft.progress(of: member.number).map {
                consensus.raft.last - min($0.match, consensus.raft.last)
            },
            lastContactMS: contact.map { UInt64($0 / .milliseconds(1)) })
    }
}

extension BridgeDriver {
    var isHandingOver: Bool { if case .draining(.handingOver, _, _) = bridge.state { true } else { false } }

    func keepHouse() { capture.checkRoom() }
}
