import AsyncHTTPClient
import ClusterCore
import Foundation
import Gateway
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Asks the members of a cluster, each a few times a second, where clients should go, and keeps a proxy told.
final class ClusterPoller: Service {
    private struct State {
        var table: RouteTable
        var known: Set<String> = []
        var told: ProxyView?
        var complaints: [String: String] = [:]
        var hasCheckedNames = false
    }

    private static let interval = Duration.milliseconds(200)
    private static let retryInterval = Duration.milliseconds(500)
    private static let timeout = TimeAmount.seconds(1)
    private static let answerBytesMax = 1 << 20

    private let token: String?
    private let trust: APITrust
    private let logger: Logger
    private let state: Mutex<State>
    private let found: AsyncStream<String>
    private let finding: AsyncStream<String>.Continuation
    private let onChange: @Sendable (ProxyView) -> Void
    private let onLease: @Sendable (Duration) -> Void

    /// - Parameters:
    ///   - members: `host:port` of some members' HTTP APIs; the others are learned from them.
    ///   - token: of those APIs.
    ///   - trust: whom to believe at those that speak TLS.
    ///   - onChange: called with each new view.
    ///   - onLease: called with the time for which the leader is known to be the only one.
    init(
        members: [String], token: String?, trust: APITrust, rules: RouteTable.Rules, logger: Logger,
        onChange: @escaping @Sendable (ProxyView) -> Void, onLease: @escaping @Sendable (Duration) -> Void
    ) {
        self.token = token
        self.trust = trust
        self.logger = logger
        self.onChange = onChange
        self.onLease = onLease
        state = Mutex(State(table: RouteTable(rules)))
        (found, finding) = AsyncStream.makeStream(
            of: String.self, bufferingPolicy: .bufferingOldest(RouteTable.membersMax))
        learn(members)
    }

    /// The members that it knows, and whether they answer.
    var members: [ProxyStatus.MemberAnswer] {
        state.withLock { state in
            state.known.sorted().map { member in
                let complaint = state.complaints[member]
                let hasAnswered = complaint == nil && state.table.hasAnswered(member)
                return ProxyStatus.MemberAnswer(
                    api: member, answers: hasAnswered, reason: hasAnswered ? nil : complaint ?? "not asked yet")
            }
        }
    }

    func run() async throws {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = Self.timeout
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        configuration.redirectConfiguration = .disallow
        try await HTTPClient.withHTTPClient(configuration: configuration) { client in
            await cancelWhenGracefulShutdown {
                await withDiscardingTaskGroup { group in
                    for await member in self.found { group.addTask { await self.poll(member, client) } }
                }
            }
        }
    }

    private func poll(_ member: String, _ client: HTTPClient) async {
        while !Task.isCancelled {
            let askedAt = Consensus.now
            var pause = Self.interval
            do {
                let route = try await ask(member, client)
                heard(
                    RouteTable.Answer(
                        route: route, askedAt: askedAt, roundTrip: Consensus.now.duration(since: askedAt)), member)
            } catch {
                if Task.isCancelled { return }
                pause = Self.retryInterval
                complain("\(error)", member)
                tell()
            }
            do { try await Task.sleep(for: pause) } catch { return }
        }
    }

    private func ask(_ member: String, _ client: HTTPClient) async throws -> NodeRoute {
        var request = HTTPClientRequest(url: APIAddress.url(member) + "/cluster/route")
        request.tlsConfiguration = trust.current
        request.headers.add(name: "accept", value: "application/json")
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        let answer = try await client.execute(request, timeout: Self.timeout)
        let body = try await answer.body.collect(upTo: Self.answerBytesMax)
        switch answer.status {
        case .ok: return try JSONDecoder().decode(NodeRoute.self, from: Data(body.readableBytesView))
        case .unauthorized, .forbidden:
            throw AgentError(
                "it wants the bearer token of its api.token_file: name a copy in this proxy's api.token_file")
        case .notFound: throw AgentError("it knows no /cluster/route: is it a member of this release, and no bridge?")
        default: throw AgentError("it answered \(answer.status.code)")
        }
    }

    private func heard(_ answer: RouteTable.Answer, _ member: String) {
        if let objection = state.withLock({ $0.table.heard(answer, from: member) }) {
            return complain(objection, member)
        }
        if state.withLock({ $0.complaints.removeValue(forKey: member) }) != nil {
            logger.notice("a member answers", metadata: ["api": "\(member)"])
        }
        learn(answer.route.members)
        checkNames()
        tell()
    }

    /// When all have answered, a weight for nobody is a misspelt name.
    private func checkNames() {
        let unknown = state.withLock { state -> [String] in
            guard !state.hasCheckedNames, state.table.members == state.known.count else { return [] }
            state.hasCheckedNames = true
            return state.table.unknownNames
        }
        for name in unknown {
            logger.warning("proxy.read_weights names a node that is no member", metadata: ["node": "\(name)"])
        }
    }

    /// Once for each reason, until it answers again.
    private func complain(_ reason: String, _ member: String) {
        let isNews = state.withLock { state in
            defer { state.complaints[member] = reason }
            return state.complaints[member] != reason
        }
        if isNews { logger.warning("a member can't be asked", metadata: ["api": "\(member)", "reason": "\(reason)"]) }
    }

    private func learn(_ members: [String]) {
        let new = state.withLock { state in
            let new = members.filter { !state.known.contains($0) }.prefix(RouteTable.membersMax - state.known.count)
            state.known.formUnion(new)
            return new
        }
        for member in new { finding.yield(member) }
    }

    /// The view and the order in which it is told belong together, so both are under the lock.
    private func tell() {
        let lease = state.withLock { state in
            let now = Consensus.now
            let view = state.table.view(now: now)
            if view != state.told {
                state.told = view
                onChange(view)
            }
            return state.table.lease(now: now)
        }
        onLease(lease)
    }
}
