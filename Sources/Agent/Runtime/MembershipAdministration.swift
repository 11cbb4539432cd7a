import ClusterCore
import Logging
import NIOCore
import WriteAheadLog

/// Lets members in and out, as the leader: one change at a time, each through the log.
@NodeLoop
final class MembershipAdministration {
    private let consensus: Consensus
    private let clusterName: String
    private let clusterID: String
    private let clusterSecret: [UInt8]
    private let removals: Removals
    private let logger: Logger
    private var pending: [(lsn: LSN, done: EventLoopPromise<Void>)] = []

    init(consensus: Consensus, identity: Identity, removals: Removals, logger: Logger) {
        self.removals = removals
        self.consensus = consensus
        clusterName = identity.clusterName
        clusterID = identity.clusterID
        clusterSecret = identity.clusterSecret
        self.logger = logger
    }

    func answer(_ request: PeerRequest) async -> PeerAnswer {
        guard consensus.raft.role == .leader else {
            guard let leader = consensus.raft.leader, let member = consensus.raft.membership[leader] else {
                return .tryLater(reason: "the cluster has no leader at the moment")
            }
            return .askLeader(address: member.address)
        }
        do {
            switch request {
            case .join(let applicant): return try await admit(applicant)
            case .readdress(let member): return try await readdress(member)
            case .enrol: return .refused(reason: "this cluster has no certificates: join without a token")
            }
        } catch let error as ProposeError {
            return .tryLater(reason: Self.explain(error))
        } catch { return .tryLater(reason: "\(error)") }
    }

    private func admit(_ applicant: PeerRequest.Applicant) async throws -> PeerAnswer {
        let membership = consensus.raft.membership
        if !applicant.clusterName.isEmpty && applicant.clusterName != clusterName {
            return .refused(
                reason:
                    "this cluster is called \(clusterName), not \(applicant.clusterName); correct cluster.name or the address"
            )
        }
        if let known = membership[id: applicant.id] {
            // The answer of a first attempt was lost: nothing has ever been stored there.
            if known.address == applicant.address, let progress = consensus.raft.progress(of: known.number),
                progress.match == .zero
            {
                return .welcome(welcome(known.number))
            }
            return .refused(
                reason:
                    "a member called \(applicant.id) exists; if this is that node and its data is lost, remove it first: "
                    + "wolfscale members remove \(applicant.id)")
        }
        if let other = membership.members.first(where: { $0.address == applicant.address }) {
            return .refused(
                reason: "\(applicant.address) is the address of the member \(other.id); set node.advertise_address")
        }
        if let reason = membership.galeraObstacle(to: applicant) { return .refused(reason: reason) }
        guard let number = membership.freeNumber else { return .refused(reason: "the cluster is full (1,023 members)") }
        var galera = applicant.galera
        if let joining = galera, try consensus.log.state(through: consensus.raft.last).position[joining.domain] != nil {
            // A site that comes back: what it holds and the log has not is its own.
            galera = GaleraIdentity(
                stateID: joining.stateID, domain: joining.domain, baseline: "", accepted: joining.baseline)
        }
        let member = Member(
            id: applicant.id, number: number, role: .learner, site: applicant.site, address: applicant.address,
            api: applicant.api, promoteTo: applicant.role == .learner ? nil : applicant.role, galera: galera)
        try await change(to: membership.setting(member))
        logger.notice("a member has joined", metadata: ["id": "\(member.id)", "number": "\(number)"])
        return .welcome(welcome(number))
    }

    private func welcome(_ number: NodeNumber) -> PeerAnswer.Welcomed {
        PeerAnswer.Welcomed(
            clusterName: clusterName, clusterID: clusterID, clusterSecret: clusterSecret, number: number,
            membership: consensus.raft.membership, removed: removals.all)
    }

    private func readdress(_ member: Member) async throws -> PeerAnswer {
        let membership = consensus.raft.membership
        guard var known = membership[member.number], known.id == member.id else {
            return .refused(reason: "\(member.id) is not a member of this cluster")
        }
        (known.address, known.api, known.site) = (member.address, member.api, member.site)
        if let galera = member.galera { known.galera = galera }
        if membership[member.number] != known { try await change(to: membership.setting(known)) }
        return .done
    }

    /// Proposes a membership and returns when it is committed.
    func change(to membership: Membership) async throws {
        let done = NodeLoop.eventLoop.makePromise(of: Void.self)
        do {
            let lsn = try consensus.propose(membership)
            pending.append((lsn, done))
            committed(through: consensus.raft.committed)
        } catch { done.fail(error) }
        try await done.futureResult.get()
    }

    func committed(through lsn: LSN) {
        while let first = pending.first, first.lsn <= lsn {
            pending.removeFirst()
            first.done.succeed(())
        }
    }

    func leadershipLost() {
        for change in pending { change.done.fail(ProposeError.notLeader(hint: consensus.raft.leader)) }
        pending.removeAll()
    }

    /// Makes a learner that has caught up what it came to be. Called now and then.
    func promoteLearners() {
        guard consensus.raft.role == .leader, consensus.raft.noOpCommitted else { return }
        for member in consensus.raft.membership.members {
            guard let role = member.promoteTo, let progress = consensus.raft.progress(of: member.number),
                progress.state == .replicate, consensus.raft.last - progress.match <= 64, progress.match > .zero
            else { continue }
            var promoted = member
            promoted.role = role
            promoted.promoteTo = nil
            let membership = consensus.raft.membership.setting(promoted)
            do {
                _ = try consensus.propose(membership)
                logger.notice("a member has caught up and votes from now on", metadata: ["id": "\(member.id)"])
            } catch {
                logger.debug("a member waits to be promoted", metadata: ["id": "\(member.id)", "reason": "\(error)"])
            }
            return
        }
    }

    static func explain(_ error: ProposeError) -> String {
        switch error {
        case .notLeader: "this node does not lead; ask the leader"
        case .caretaker: "this node only keeps the place until a node with a database can lead; try again in a moment"
        case .transferInProgress(let target): "leadership is being handed to member \(target); try again in a moment"
        case .termNotEstablished: "the new leader is not yet confirmed by a majority; try again in a moment"
        case .membershipChangePending: "another membership change is under way; try again in a moment"
        case .notOneStep: "only one voter can be changed at a time"
        case .noVoter: "a cluster needs at least one voter with a database"
        }
    }
}
