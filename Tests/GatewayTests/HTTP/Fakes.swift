import AsyncHTTPClient
import ClusterCore
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import MariaDBClient
import NIOCore
import NIOPosix
import Synchronization

@testable import Gateway

/// An agent that answers what the test wants.
final class FakeCluster: ClusterInformation {
    struct State {
        var health = Health.ok
        var route = WriteRoute.unavailable(reason: "An election is going on.", retryAfterSeconds: 3)
        var nextID: UInt64 = 7_000_000_000_000_000_001
        var lsn: LSN? = LSN(42)
        var waitedFor: [GTID?] = []
        var endpoints: [EndpointHealth] = []
        var places = ReadPlaces(reason: "An election is going on.")
        var holdsLease = true
        /// For the table of idempotency keys.
        var administration: SQLRunner?
    }
    let state = Mutex(State())

    init(route: WriteRoute? = nil) {
        if let route { state.withLock { $0.route = route } }
    }

    func status() async -> NodeStatus {
        NodeStatus(
            node: NodeStatus.Node(id: "node-1", number: NodeNumber(1), site: "here", role: .voter),
            cluster: NodeStatus.Cluster(name: "test", id: "c0ffee"),
            raft: NodeStatus.Raft(state: "leader", term: Term(3), leaderID: "node-1", leaderAPI: "127.0.0.1:8080"),
            log: NodeStatus.Log(first: LSN(1), last: LSN(12), durable: LSN(12), committed: LSN(11), applied: LSN(10)),
            database: NodeStatus.Database(
                mode: "managed", state: "primary", endpoint: "/run/m.sock", gtid: "0-1-10", writable: true),
            lag: NodeStatus.Lag(entries: 1, seconds: nil), version: "1.0.0", warnings: ["disk 91 % full"],
            events: [EventRecord(time: "2026-01-02T03:04:05Z", kind: "leader_elected", message: "m", term: Term(3))])
    }

    func cluster() async -> ClusterStatus {
        let member = Member(
            id: "node-1", number: NodeNumber(1), role: .voter, site: "here", address: "10.0.0.1:7654",
            api: "10.0.0.1:8080")
        return ClusterStatus(
            leaderID: "node-1", term: Term(3),
            members: [MemberStatus(member, state: .needsProvision, matchLSN: LSN(9), lastContactMS: 5)])
    }

    func health() async -> Health { state.withLock { $0.health } }
    func events(limit: Int) async -> [EventRecord] {
        (0..<min(limit, 3)).map { EventRecord(time: "2026-01-02T03:04:05Z", kind: "k\($0)", message: "m") }
    }
    func galeraEndpoints() async -> [EndpointHealth] { state.withLock { $0.endpoints } }
    func writeRoute() async -> WriteRoute { state.withLock { $0.route } }
    func waitForWrite(gtid: GTID?) async -> LSN? {
        state.withLock { state in
            state.waitedFor.append(gtid)
            return state.lsn
        }
    }
    func nextID() async throws -> UInt64 {
        state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
    }
    func readPlaces() async -> ReadPlaces { state.withLock { $0.places } }
    func holdsLease() async -> Bool { state.withLock { $0.holdsLease } }
    func prepareIdempotency(account: String) async throws {
        let statements = try IdempotencyStore.creation(account: account)
        guard let administration = state.withLock({ $0.administration }) else {
            throw SQLError(kind: .client, message: "no administrator")
        }
        try await administration.run { session throws(SQLError) in
            for statement in statements { try session.query(statement) }
        }
    }
}

final class FakeAdministration: ClusterAdministration {
    struct State {
        var failure: AdministrationError?
        var additions: [MemberAddition] = []
        var removals: [String] = []
        var switchovers: [SwitchoverRequest] = []
    }
    let state = Mutex(State())

    init(failure: AdministrationError? = nil) { state.withLock { $0.failure = failure } }

    func addMember(_ request: MemberAddition) async throws(AdministrationError) -> MembershipChange {
        if let failure = state.withLock({ $0.failure }) { throw failure }
        state.withLock { $0.additions.append(request) }
        return MembershipChange(
            member: Member(id: request.id, number: NodeNumber(2), role: .learner, address: request.address),
            lsn: LSN(77))
    }
    func removeMember(id: String) async throws(AdministrationError) -> MembershipChange {
        if let failure = state.withLock({ $0.failure }) { throw failure }
        state.withLock { $0.removals.append(id) }
        return MembershipChange(
            member: Member(id: id, number: NodeNumber(2), role: .voter, address: "a:1"), lsn: LSN(78))
    }
    func switchover(_ request: SwitchoverRequest) async throws(AdministrationError) -> SwitchoverResult {
        if let failure = state.withLock({ $0.failure }) { throw failure }
        state.withLock { $0.switchovers.append(request) }
        return SwitchoverResult(leaderID: request.to ?? "node-2", term: Term(4), pauseMS: 120)
    }
}

/// The API on a free port of loopback, and a client of it.
func withAPI(
    _ configuration: HTTPAPIConfiguration = HTTPAPIConfiguration(), cluster: FakeCluster = FakeCluster(),
    administration: FakeAdministration = FakeAdministration(),
    _ test: @escaping @Sendable (any TestClientProtocol) async throws -> Void
) async throws {
    let api = HTTPAPI(
        configuration, cluster: cluster, administration: administration, group: MultiThreadedEventLoopGroup.singleton,
        logger: quiet)
    let client = LeaderForwarder.client(on: MultiThreadedEventLoopGroup.singleton, connectTimeout: .seconds(1))
    do {
        try await api.application(client).test(.live, test)
    } catch {
        try await client.shutdown()
        throw error
    }
    try await client.shutdown()
}

let quiet: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}()

extension TestClientProtocol {
    func post(_ path: String, _ body: String, headers: HTTPFields = [:]) async throws -> TestResponse {
        var all: HTTPFields = [.contentType: "application/json"]
        for field in headers { all[field.name] = field.value }
        return try await execute(uri: path, method: .post, headers: all, body: ByteBuffer(string: body))
    }
}

extension TestResponse {
    var text: String { String(buffer: body) }
    func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(body.readableBytesView))
    }
    var problem: Problem { get throws { try decoded(Problem.self) } }
}
