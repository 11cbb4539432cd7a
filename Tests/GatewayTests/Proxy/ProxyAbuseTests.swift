import ClusterCore
import Foundation
import Gateway
import LabSupport
import MariaDBClient
import Testing

/// Clients that break the protocol are turned away; nobody else notices.
@Suite("Abuse of the proxy", .serialized) struct ProxyAbuseTests {
    private func withProxy(
        settings: @Sendable (inout ProxyConfiguration) -> Void = { _ in },
        _ body: (ProxyFixture) async throws -> Void
    ) async throws {
        let server = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(server)
        try await ProxyFixture.with(leader: server, settings: settings) { fixture in
            try await body(fixture)
            try await fixture.placeIsFree()
            // Somebody else is served as before.
            let one = try await withSession(fixture.configuration) { session throws(SQLError) in
                try session.query("SELECT 1").scalar
            }
            #expect(one == "1")
            try await MariaDBServer.eventually("no session is left") { fixture.proxy.connectionCount == 0 }
        }
    }

    @Test("Random bytes instead of a login, and after it")
    func garbage() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("proxy abuse: seed \(seed)")
        var generator = SplitMix64(seed: seed)
        try await withProxy { fixture in
            for round in 0..<300 {
                let client = try RawClient(port: fixture.port)
                if round % 2 == 0 { try await client.login() }
                let count = Int.random(in: 1...200, using: &generator)
                let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                // Every other time in a right packet.
                if round % 4 < 2 { client.packet(bytes, sequence: round % 2 == 0 ? 0 : 1) } else { client.send(bytes) }
            }
        }
    }

    @Test("Wrong numbers, empty packets, commands that end early, statements nobody prepared")
    func disorder() async throws {
        try await withProxy { fixture in
            let numbers = try RawClient(port: fixture.port)
            try await numbers.login()
            numbers.packet([3] + Array("SELECT 1".utf8), sequence: 5)
            #expect(try await numbers.receive().dropFirst(5).starts(with: [0x84, 0x04]))
            #expect(try await numbers.receive().isEmpty)

            let short = try RawClient(port: fixture.port)
            try await short.login()
            for payload: [UInt8] in [
                [], [0x17], [0x17, 1], [0x17, 9, 9, 9, 9], [0x1C, 1, 0, 0, 0], [0x1A, 1, 0, 0, 0], [0x12],
            ] {
                short.packet(payload, sequence: 0)
                #expect(try await short.receive().dropFirst(4).first == 0xFF, "\(payload)")
            }
            short.packet([0x19, 1, 0, 0, 0], sequence: 0)
            short.packet([0x18, 1, 0, 0, 0, 0, 0], sequence: 0)
            short.packet([0x0E], sequence: 0)
            #expect(try await short.receive().dropFirst(4).first == 0)

            let early = try RawClient(port: fixture.port)
            _ = try await early.receive()
            // A command where the login belongs.
            early.packet([3] + Array("DROP DATABASE shop".utf8), sequence: 1)
            #expect(try await early.receive().dropFirst(4).first == 0xFF)
        }
    }

    @Test("Connects and disconnects, half a login, and a client that never reads")
    func churn() async throws {
        try await withProxy { fixture in
            for round in 0..<2_000 {
                let client = try RawClient(port: fixture.port)
                if round % 3 == 0 { client.send([200, 0, 0, 1, 1, 2]) }
            }
            try await fixture.placeIsFree()
            let deaf = try RawClient(port: fixture.port)
            try await deaf.login()
            deaf.packet([3] + Array("SELECT REPEAT('x', 100000000)".utf8), sequence: 0)
            _ = try await deaf.receive(100)
        }
    }

    @Test("A full proxy says so, as the server does")
    func full() async throws {
        try await withProxy {
            $0.connectionsMax = 2
        } _: { fixture in
            let held = try (0..<2).map { _ in try RawClient(port: fixture.port) }
            for client in held { _ = try await client.receive() }
            let third = try RawClient(port: fixture.port)
            #expect(try await third.receive().dropFirst(4).starts(with: [0xFF, 0x10, 0x04]))
            withExtendedLifetime(held) {}
        }
    }
}
