import ClusterCore

/// What the HTTP API changes in the cluster. Any node may be asked; one that does not lead throws
/// ``AdministrationError/notLeader(_:)`` and the API passes the request on, once.
public protocol ClusterAdministration: Sendable {
    func addMember(_ request: MemberAddition) async throws(AdministrationError) -> MembershipChange
    /// - Parameter id: the member's `node.id`.
    func removeMember(id: String) async throws(AdministrationError) -> MembershipChange
    /// Hands the leadership over, to `request.to` or to the best member. Returns when the new leader is known.
    func switchover(_ request: SwitchoverRequest) async throws(AdministrationError) -> SwitchoverResult
    /// Lets this node's site of a bridge try again after an administrator mended what stopped it. Never passed on.
    func retryBridge(_ request: BridgeRetryRequest) async throws(AdministrationError) -> BridgeRetry
}

extension ClusterAdministration {
    public func retryBridge(_ request: BridgeRetryRequest) async throws(AdministrationError) -> BridgeRetry {
        throw .refused(reason: "this node bridges no Galera cluster")
    }
}

/// The body of `POST /bridge/retry`; all of it may be missing.
public struct BridgeRetryRequest: Sendable, Hashable, Codable {
    /// What this cluster has and the log has not is dealt with: it stays where it is and is never shipped.
    public var acceptOrphans: Bool?

    enum CodingKeys: String, CodingKey {
        case acceptOrphans = "accept_orphans"
    }

    public init(acceptOrphans: Bool? = nil) { self.acceptOrphans = acceptOrphans }
}

public struct BridgeRetry: Sendable, Hashable, Codable {
    /// The site's state before.
    public var before: String

    public init(before: String) { self.before = before }
}

/// The body of `POST /cluster/members`.
public struct MemberAddition: Sendable, Hashable, Codable {
    public var id: String
    /// `host:port` of its peer listener.
    public var address: String
    /// `host:port` of its HTTP API.
    public var api: String?
    /// `voter` when missing; it learns first and votes once it has caught up.
    public var role: Role?
    public var site: String?
    /// The lowest free one when missing.
    public var number: NodeNumber?

    public init(
        id: String, address: String, api: String? = nil, role: Role? = nil, site: String? = nil,
        number: NodeNumber? = nil
    ) {
        self.id = id
        self.address = address
        self.api = api
        self.role = role
        self.site = site
        self.number = number
    }
}

public struct MembershipChange: Sendable, Hashable, Codable {
    /// The member as it now is, or was.
    public var member: Member
    /// Where the change stands in the log.
    public var lsn: LSN

    public init(member: Member, lsn: LSN) {
        self.member = member
        self.lsn = lsn
    }
}

/// The body of `POST /cluster/switchover`; all of it may be missing.
public struct SwitchoverRequest: Sendable, Hashable, Codable {
    /// The `node.id` of the next leader.
    public var to: String?
    /// Even if transactions may be lost: only a bridge without a majority asks for it.
    public var force: Bool?
    /// Only say whether it could be done.
    public var dryRun: Bool?

    enum CodingKeys: String, CodingKey {
        case to, force
        case dryRun = "dry_run"
    }

    public init(to: String? = nil, force: Bool? = nil, dryRun: Bool? = nil) {
        self.to = to
        self.force = force
        self.dryRun = dryRun
    }
}

public struct SwitchoverResult: Sendable, Hashable, Codable {
    public var leaderID: String
    public var term: Term
    /// How long no leader took writes.
    @OrNull public var pauseMS: UInt64?

    enum CodingKeys: String, CodingKey {
        case term
        case leaderID = "leader_id"
        case pauseMS = "pause_ms"
    }

    public init(leaderID: String, term: Term, pauseMS: UInt64? = nil) {
        self.leaderID = leaderID
        self.term = term
        self.pauseMS = pauseMS
    }
}

public enum AdministrationError: Error, Sendable, Hashable {
    /// Ask the leader; nil when there is none, or its API is not known.
    case notLeader(ForwardTarget?)
    /// The request makes no sense: 400.
    case invalid(reason: String)
    /// No such member: 404.
    case notFound(reason: String)
    /// It could not be finished, or must not be done, as things stand: 409.
    case refused(reason: String)
    /// Later perhaps: 503.
    case unavailable(reason: String, retryAfterSeconds: Int)
    /// Begun and not finished in time; the outcome is unknown: 504.
    case timedOut(reason: String)
}
