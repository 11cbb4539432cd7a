import ClusterCore
import Foundation
import Gateway
import WriteAheadLog

/// What the HTTP API changes in the cluster.
struct NodeAdministration: ClusterAdministration {
    let node: Node
    let secret: String

    func addMember(_ request: MemberAddition) async throws(AdministrationError) -> MembershipChange {
        try await requireLeader()
        let applicant = PeerRequest.Applicant(
            id: request.id, role: request.role ?? .voter, site: request.site ?? "", address: request.address,
            api: request.api ?? "", clusterName: "")
        switch await node.administration.answer(.join(applicant)) {
        case .welcome(let welcome):
            guard let member = welcome.membership[welcome.number] else {
                throw .unavailable(reason: "the membership changed meanwhile", retryAfterSeconds: 1)
            }
            return MembershipChange(member: member, lsn: await node.consensus.raft.membershipLSN)
        case .refused(let reason): throw .refused(reason: reason)
        case .tryLater(let reason): throw .unavailable(reason: reason, retryAfterSeconds: 1)
        case .askLeader, .done, .certificate:
            throw .unavailable(reason: "leadership changed meanwhile", retryAfterSeconds: 1)
        }
    }

    func removeMember(id: String) async throws(AdministrationError) -> MembershipChange {
        try await requireLeader()
        let membership = await node.consensus.raft.membership
        guard let member = membership[id: id] else { throw .notFound(reason: "there is no member \(id)") }
        if member.number == node.identity.number {
            throw .refused(reason: "\(id) leads; hand leadership over first: wolfscale switchover")
        }
        do {
            try await node.administration.change(to: membership.removing(member.number))
        } catch let error as ProposeError {
            throw .unavailable(reason: await MembershipAdministration.explain(error), retryAfterSeconds: 1)
        } catch { throw .unavailable(reason: "\(error)", retryAfterSeconds: 1) }
        return MembershipChange(member: member, lsn: await node.consensus.raft.membershipLSN)
    }

    func switchover(_ request: SwitchoverRequest) async throws(AdministrationError) -> SwitchoverResult {
        if request.force == true { return try await node.takeOverByForce(dryRun: request.dryRun == true) }
        try await requireLeader()
        var target: NodeNumber?
        if let id = request.to {
            guard let member = await node.consensus.raft.membership[id: id] else {
                throw .notFound(reason: "there is no member \(id)")
            }
            target = member.number
        }
        if let reason = await node.switchoverObstacle(to: target) { throw .refused(reason: reason) }
        if request.dryRun == true {
            return SwitchoverResult(leaderID: request.to ?? "", term: await node.consensus.raft.term)
        }
        let begun = ContinuousClock.now
        if let obstacle = await node.switchover(to: target) {
            throw .refused(reason: "leadership stays here: \(obstacle)")
        }
        guard let leader = await node.nextLeader(within: .seconds(15)) else {
            throw .timedOut(reason: "leadership was handed over, and nobody has taken it yet; see `wolfscale status`")
        }
        let pause = UInt64((ContinuousClock.now - begun) / .milliseconds(1))
        return SwitchoverResult(leaderID: leader.id, term: await node.consensus.raft.term, pauseMS: pause)
    }

    func retryBridge(_ request: BridgeRetryRequest) async throws(AdministrationError) -> BridgeRetry {
        try await node.retryBridge(acceptingOrphans: request.acceptOrphans == true)
    }

    private func requireLeader() async throws(AdministrationError) {
        switch await node.leaderAPI {
        case .here: return
        case .leader(let api): throw .notLeader(ForwardTarget(baseURL: APIAddress.url(api), secret: secret))
        case .nobody: throw .notLeader(nil)
        }
    }
}

extension Node {
    /// Where administration goes: unlike a write it needs no writable database.
    var leaderAPI: WriteTarget {
        let raft = consensus.raft
        if raft.role == .leader { return .here }
        guard let leader = raft.leader.flatMap({ raft.membership[$0] }), !leader.api.isEmpty else {
            return .nobody("no leader")
        }
        return .leader(leader.api)
    }

    /// Why a switchover could not finish, asked before anything is touched. (I9)
    func switchoverObstacle(to target: NodeNumber?) -> String? {
        let raft = consensus.raft
        if bridge != nil { return bridgeSwitchoverObstacle(to: target) }
        guard let target else {
            return heir == nil ? "no other voter is caught up and has a database that could lead" : nil
        }
        guard target != identity.number else { return "\(identity.nodeID) leads already" }
        guard let member = raft.membership[target], member.role.mayLead else {
            return "that member has no vote or no database, so it can't lead"
        }
        guard let progress = raft.progress(of: target), let report = reports[target],
            Consensus.now.duration(since: report.at) < .milliseconds(2_500)
        else { return "\(member.id) has not been heard of lately" }
        guard report.content.database == "replica" else {
            return "the database of \(member.id) is \(report.content.database), not a running replica"
        }
        let behind = raft.last - min(progress.match, report.content.applied)
        return behind > 100_000 ? "\(member.id) is \(behind) entries behind; wait until it has caught up" : nil
    }

    /// Who leads after this node, once it is known and its database serves.
    func nextLeader(within limit: Duration) async -> Member? {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if let number = consensus.raft.leader, let member = consensus.raft.membership[number] {
                if number == identity.number {
                    if case .here = writeTarget { return member }
                } else if reports[number]?.content.database == "primary" {
                    return member
                }
            }
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return nil }
        }
        return nil
    }
}
