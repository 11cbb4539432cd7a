import Foundation
import Gateway
import LabSupport
import Logging
import MariaDBClient
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ServiceLifecycle

/// A proxy in this process, in front of servers that the test gives it.
final class ProxyFixture: Sendable {
    let proxy: MySQLProxy
    let port: Int
    private let connectionsMax: Int
    private let trigger: ServiceGroup
    private let task: Task<Void, any Error>

    static let password = "app-secret"

    /// Runs `body` with a proxy whose leader is `leader`; accounts: `app` with ``password``, `bare` without one, `ed` with ed25519
    /// where the test makes it, `far` without one
    /// from 203.0.113.* only, and `near`, who needs none from 127.0.0.1, and is another account on the socket.
    static func with<Value: Sendable>(
        leader: MariaDBServer, replica: MariaDBServer? = nil,
        settings: @Sendable (inout ProxyConfiguration) -> Void = { _ in },
        _ body: (ProxyFixture) async throws -> Value
    ) async throws -> Value {
        try await with(view: view(leader: leader, epoch: 1, replica: replica), settings: settings, body)
    }

    static func with<Value: Sendable>(
        view: ProxyView, settings: @Sendable (inout ProxyConfiguration) -> Void = { _ in },
        _ body: (ProxyFixture) async throws -> Value
    ) async throws -> Value {
        var configuration = ProxyConfiguration(host: "127.0.0.1", port: 0, number: 1)
        configuration.failoverWait = .seconds(5)
        configuration.busyPoll = .microseconds(250)
        settings(&configuration)
        let fixture = try await ProxyFixture(configuration)
        fixture.proxy.update(view)
        do {
            let value = try await body(fixture)
            try await fixture.stop()
            return value
        } catch {
            try await fixture.stop()
            throw error
        }
    }

    /// A server that is both, beside the proxy.
    static func local(_ server: MariaDBServer) -> ProxyView {
        let address = BackendAddress.local(socket: server.socket, host: "127.0.0.1", port: server.port)
        return ProxyView(leader: .init(address: address, epoch: 1), replicas: [.init(address: address)])
    }

    static func view(leader: MariaDBServer?, epoch: UInt64, replica: MariaDBServer? = nil) -> ProxyView {
        ProxyView(
            leader: leader.map { .init(address: .tcp(host: "127.0.0.1", port: $0.port), epoch: epoch) },
            replicas: replica.map { [.init(address: .tcp(host: "127.0.0.1", port: $0.port))] } ?? [],
            reason: "the test has taken it away")
    }

    private init(_ configuration: ProxyConfiguration) async throws {
        var logger = Logger(label: "proxy-test")
        logger.logLevel = .error
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let proxy = MySQLProxy(
            configuration, accounts: Accounts(), group: MultiThreadedEventLoopGroup.singleton, logger: logger
        ) { continuation.yield($0) }
        let group = ServiceGroup(configuration: .init(services: [.init(service: proxy)], logger: logger))
        self.proxy = proxy
        connectionsMax = configuration.connectionsMax
        trigger = group
        task = Task {
            defer { continuation.finish() }
            try await group.run()
        }
        var bound = 0
        for await port in ports {
            bound = port
            break
        }
        guard bound > 0 else {
            try await task.value
            throw LabError("the proxy does not listen")
        }
        port = bound
    }

    /// Waits for a place: the proxy hears of a client's end after the client has closed.
    func placeIsFree() async throws {
        try await MariaDBServer.eventually("a place is free") { self.proxy.connectionCount < self.connectionsMax }
    }

    private func stop() async throws {
        await trigger.triggerGracefulShutdown()
        try await task.value
    }

    /// The accounts that ``makeAccounts(_:)`` makes, told without asking.
    private struct Accounts: ProxyAccountSource {
        func accounts(named user: String) async throws -> [ProxyAccount] {
            switch user {
            case "app":
                [
                    ProxyAccount(
                        host: "%", user: "app",
                        methods: [
                            .native([
                                0x6C, 0x7A, 0x37, 0x0C, 0x07, 0x66, 0x0B, 0xC7, 0x88, 0x68, 0x1B, 0x32, 0x38, 0xD9,
                                0x3E,
                                0x08, 0xBD, 0x74, 0x30, 0x3C,
                            ])
                        ])
                ]
            case "bare": [ProxyAccount(host: "%", user: "bare", methods: [.empty])]
            case "ed": [ProxyAccount(host: "%", user: "ed", methods: [.other(plugin: "ed25519")])]
            case "near":
                [
                    ProxyAccount(host: "127.0.0.1", user: "near", methods: [.empty]),
                    ProxyAccount(host: "localhost", user: "near", methods: [.other(plugin: "unix_socket")]),
                ]
            case "far": [ProxyAccount(host: "203.0.113.%", user: "far", methods: [.empty])]
            default: []
            }
        }
        func serverVersion() async -> String? { nil }
    }

    static func makeAccounts(_ server: MariaDBServer) async throws {
        try await server.sql(
            """
            CREATE DATABASE IF NOT EXISTS shop CHARACTER SET utf8mb4;
            CREATE USER IF NOT EXISTS app@'%' IDENTIFIED BY '\(password)'; GRANT ALL ON shop.* TO app@'%';
            GRANT RELOAD, PROCESS ON *.* TO app@'%';
            CREATE USER IF NOT EXISTS near@'127.0.0.1'; GRANT ALL ON shop.* TO near@'127.0.0.1';
            CREATE USER IF NOT EXISTS near@localhost IDENTIFIED VIA unix_socket;
            CREATE USER IF NOT EXISTS bare@'%'; GRANT ALL ON shop.* TO bare@'%';
            CREATE USER IF NOT EXISTS far@'203.0.113.%'; GRANT ALL ON shop.* TO far@'203.0.113.%'
            """)
    }

    /// How `app` reaches the proxy.
    var configuration: SQLConfiguration {
        SQLConfiguration(
            address: .tcp(host: "127.0.0.1", port: port), user: "app", password: Self.password, database: "shop",
            connectTimeout: .seconds(10))
    }

    static func direct(_ server: MariaDBServer) -> SQLConfiguration {
        SQLConfiguration(
            address: .tcp(host: "127.0.0.1", port: server.port), user: "app", password: password, database: "shop")
    }
}
