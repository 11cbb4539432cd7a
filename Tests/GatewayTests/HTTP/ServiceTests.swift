import AsyncHTTPClient
import ClusterCore
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import LabSupport
import Logging
import MariaDBClient
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Synchronization
import Testing

@testable import Gateway

/// Runs the API as the agent does, as a service, until `body` returns; then shuts it down gracefully.
func withService(
    _ configuration: HTTPAPIConfiguration, _ cluster: FakeCluster,
    administration: FakeAdministration = FakeAdministration(),
    _ body: @escaping @Sendable (_ port: Int) async throws -> Void
) async throws {
    let (ports, listening) = AsyncStream.makeStream(of: Int.self)
    let api = HTTPAPI(
        configuration, cluster: cluster, administration: administration, group: MultiThreadedEventLoopGroup.singleton,
        logger: quiet
    ) { port in
        listening.yield(port)
        listening.finish()
    }
    let services = ServiceGroup(services: [api], logger: quiet)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { listening.finish() }
            try await services.run()
        }
        var failure: (any Error)?
        for await port in ports {
            do { try await body(port) } catch { failure = error }
        }
        await services.triggerGracefulShutdown()
        try await group.waitForAll()
        if let failure { throw failure }
    }
}

private func post(_ url: String, _ body: String) async throws -> (status: Int, text: String, retryAfter: String?) {
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    // The next test's port may be this one: nothing may be kept for it.
    request.headers.add(name: "Connection", value: "close")
    request.body = .bytes(ByteBuffer(string: body))
    let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
    let text = String(buffer: try await answer.body.collect(upTo: 1 << 20))
    return (Int(answer.status.code), text, answer.headers.first(name: "Retry-After"))
}

private func kind(_ text: String) throws -> Problem.Kind {
    try JSONDecoder().decode(Problem.self, from: Data(text.utf8)).kind
}

@Suite("The API as a service, and forwarding between two") struct ServiceTests {
    static let insert = #"{"table": "t", "values": {"id": 1}}"#
    static let secret = "what the members share"

    private func target(_ port: Int, secret: String = ServiceTests.secret) -> WriteRoute {
        .forward(ForwardTarget(baseURL: "http://127.0.0.1:\(port)", secret: secret))
    }

    @Test("A follower passes a write on with the cluster's secret, and the answer back")
    func forward() async throws {
        let login = try await SharedServer.schema("f_forward")
        let pool = SQLPool(login.trackingLastGTID(), size: 2)
        defer { pool.close() }
        try await pool.run { session throws(SQLError) in try session.query("CREATE TABLE t (id INT PRIMARY KEY)") }
        // The leader lets nobody in without a token, so only the secret can have opened it.
        let leading = HTTPAPIConfiguration(
            port: 0, token: APIToken("a token that nobody sends"), loopbackExempt: false,
            clusterSecret: APIToken(Self.secret), nodeID: "leader")
        try await withService(leading, FakeCluster(route: .local(pool))) { leader in
            let follower = FakeCluster(route: target(leader))
            try await withService(HTTPAPIConfiguration(port: 0, nodeID: "follower"), follower) { port in
                let url = "http://127.0.0.1:\(port)/write/insert"
                let first = try await post(url, Self.insert)
                #expect(first.status == 200)
                #expect(first.text.contains(#""lsn":42"#))
                let second = try await post(url, Self.insert)
                #expect(second.status == 409)
                #expect(try kind(second.text) == .conflict)
                #expect(try await post("http://127.0.0.1:\(leader)/write/insert", Self.insert).status == 401)
                follower.state.withLock { $0.route = target(leader, secret: "another cluster's") }
                #expect(try await post(url, Self.insert).status == 401)
            }
        }
    }

    @Test("Administration goes to the leader too")
    func forwardAdministration() async throws {
        let administration = FakeAdministration()
        let leading = HTTPAPIConfiguration(port: 0, clusterSecret: APIToken(Self.secret))
        try await withService(leading, FakeCluster(), administration: administration) { leader in
            let elsewhere = ForwardTarget(baseURL: "http://127.0.0.1:\(leader)", secret: Self.secret)
            let refusing = FakeAdministration(failure: .notLeader(elsewhere))
            try await withService(HTTPAPIConfiguration(port: 0), FakeCluster(), administration: refusing) { port in
                let answer = try await post("http://127.0.0.1:\(port)/cluster/switchover", #"{"to": "node-9"}"#)
                #expect(answer.status == 200 && answer.text.contains("node-9"))
            }
        }
        #expect(administration.state.withLock { $0.switchovers } == [SwitchoverRequest(to: "node-9")])
    }

    @Test("One hop only: two nodes that each take the other for the leader do not pass a write to and fro")
    func oneHop() async throws {
        let first = FakeCluster()
        let second = FakeCluster()
        let configuration = HTTPAPIConfiguration(port: 0, clusterSecret: APIToken(Self.secret))
        try await withService(configuration, first) { firstPort in
            try await withService(configuration, second) { secondPort in
                first.state.withLock { $0.route = target(secondPort) }
                second.state.withLock { $0.route = target(firstPort) }
                let answer = try await post("http://127.0.0.1:\(firstPort)/write/insert", Self.insert)
                #expect(answer.status == 503 && answer.retryAfter == "1")
                #expect(answer.text.contains("Nothing was executed"))
            }
        }
    }

    @Test("A leader that refuses the connection has surely not executed the write: 503")
    func refused() async throws {
        let port = try FreePort.take()
        try await withAPI(cluster: FakeCluster(route: target(port))) { client in
            let answer = try await client.post("/write/insert", Self.insert)
            #expect(answer.status == .serviceUnavailable, "\(answer.text)")
            #expect(try answer.problem.kind == .unavailable)
            #expect(try answer.problem.detail.contains("Nothing was executed"))
        }
    }

    @Test("A leader that hangs up after it got the request, or never answers: 504, the outcome is unknown")
    func lost() async throws {
        for hangsUp in [true, false] {
            let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if hangsUp { try channel.pipeline.syncOperations.addHandler(HangUp()) }
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            let port = try #require(server.localAddress?.port)
            let configuration = HTTPAPIConfiguration(writeTimeout: .seconds(1))
            try await withAPI(configuration, cluster: FakeCluster(route: target(port))) { client in
                let answer = try await client.post("/write/insert", Self.insert)
                #expect(answer.status == .gatewayTimeout)
                #expect(try answer.problem.kind == .unknownOutcome)
            }
            try await server.close()
        }
    }

    @Test("An address in use says which, and which key to change")
    func addressInUse() async throws {
        let taken = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(taken.localAddress?.port)
        let error = await #expect(throws: HTTPAPIError.self) {
            try await withService(HTTPAPIConfiguration(port: port), FakeCluster()) { _ in }
        }
        #expect(
            error?.description
                == "cannot listen on 127.0.0.1:\(port): another program listens there already; change api.bind_address")
        try await taken.close()
    }

    @Test("A request in hand is answered before the service ends")
    func gracefulShutdown() async throws {
        let pool = SQLPool(try await SharedServer.schema("f_graceful"), size: 1)
        defer { pool.close() }
        try await pool.run { session throws(SQLError) in
            try session.query("CREATE TABLE t (id INT PRIMARY KEY)")
            try session.query("CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW DO SLEEP(0.5)")
        }
        let answer = try await answerWhenStopped("/write/insert", Self.insert, pool)
        #expect(answer.status == 200)
    }

    @Test("A query in hand gives all of its rows before the service ends")
    func gracefulShutdownWithAQuery() async throws {
        let pool = SQLPool(try await SharedServer.schema("f_graceful_query"), size: 1)
        defer { pool.close() }
        let query = #"{"sql": "SELECT seq, SLEEP(0.01) FROM seq_1_to_50"}"#
        let answer = try await answerWhenStopped("/query", query, pool)
        #expect(answer.status == 200)
        #expect(answer.text.contains("[50,0]]"), "\(answer.text)")
    }

    /// Asks a service that is told to stop as soon as the database works on it.
    private func answerWhenStopped(
        _ path: String, _ body: String, _ pool: SQLPool
    ) async throws -> (status: Int, text: String) {
        let cluster = FakeCluster(route: .local(pool))
        cluster.state.withLock { $0.places = ReadPlaces(here: pool, leads: true) }
        return try await withThrowingTaskGroup(of: (status: Int, text: String)?.self) { group in
            let (ports, started) = AsyncStream.makeStream(of: Int.self)
            group.addTask {
                for await port in ports {
                    let answer = try await post("http://127.0.0.1:\(port)\(path)", body)
                    return (answer.status, answer.text)
                }
                return nil
            }
            group.addTask {
                defer { started.finish() }
                try await withService(HTTPAPIConfiguration(port: 0), cluster) { port in
                    started.yield(port)
                    try await MariaDBServer.eventually("the request is under way") { pool.occupancy.busy == 1 }
                }
                return nil
            }
            var answer: (status: Int, text: String)?
            for try await result in group { answer = result ?? answer }
            return try #require(answer)
        }
    }

    @Test("From another machine's address, status needs the token and health does not")
    func elsewhere() async throws {
        guard let address = try otherAddress() else { return }
        let configuration = HTTPAPIConfiguration(host: "0.0.0.0", port: 0, token: APIToken(AccessTests.secret))
        let cluster = FakeCluster()
        cluster.state.withLock { $0.health = .failing(reason: "secret reason") }
        try await withService(configuration, cluster) { port in
            func get(_ path: String, token: String? = nil) async throws -> (Int, String) {
                var request = HTTPClientRequest(url: "http://\(address):\(port)\(path)")
                if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
                request.headers.add(name: "X-Forwarded-For", value: "127.0.0.1")
                let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
                return (Int(answer.status.code), String(buffer: try await answer.body.collect(upTo: 1 << 20)))
            }
            let stranger = try await get("/status")
            #expect(stranger.0 == 401)
            let known = try await get("/status", token: AccessTests.secret)
            #expect(known.0 == 200)
            let health = try await get("/health")
            #expect(health == (503, #"{"status":"failing"}"#))
            let reason = try await get("/health", token: AccessTests.secret)
            #expect(reason.1.contains("secret reason"))
        }
    }

    /// An IPv4 address of this machine beside loopback.
    private func otherAddress() throws -> String? {
        try System.enumerateDevices().compactMap(\.address).first { address in
            if case .v4 = address { PeerAddress(address) == .elsewhere } else { false }
        }?.ipAddress
    }
}

/// Ends a connection when something was read from it.
private final class HangUp: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.close(promise: nil) }
}
