import Foundation
import Gateway
import Glibc
import LabSupport
import MariaDBClient
import MariaDBWire
import NIOCore
import Testing

/// Clients that break the protocol are turned away; nobody else notices.
@Suite("Abuse of the proxy", .serialized) struct ProxyAbuseTests {
    /// A client that can say anything.
    private final class RawClient {
        let descriptor: Int32

        init(port: Int) throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
            let connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard connected == 0 else { throw LabError("connect: errno \(errno)") }
            var limit = timeval(tv_sec: 10, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        }

        deinit { Glibc.close(descriptor) }

        func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

        /// What came, at most `count` bytes; empty when the other side has closed.
        func receive(_ count: Int = 4_096) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: count)
            let got = recv(descriptor, &bytes, count, 0)
            return got > 0 ? Array(bytes.prefix(got)) : []
        }

        func packet(_ payload: [UInt8], sequence: UInt8) {
            let count = payload.count
            send([UInt8(count & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count >> 16), sequence] + payload)
        }

        /// Logs in as `bare`, who needs no password.
        func login() throws {
            _ = receive()
            var response = HandshakeResponse(
                capabilities: [.protocol41, .secureConnection, .pluginAuthentication, .lengthEncodedAuthentication],
                user: "bare", authentication: [], plugin: "mysql_native_password")
            response.packetBytesMax = 1 << 24
            var payload = ByteBuffer()
            response.write(to: &payload)
            packet(Array(buffer: payload), sequence: 1)
            let answer = receive()
            guard answer.count > 4, answer[4] == 0 else { throw LabError("login refused: \(answer)") }
        }
    }

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
        var generator = SeededBytes(seed: seed)
        try await withProxy { fixture in
            for round in 0..<300 {
                let client = try RawClient(port: fixture.port)
                if round % 2 == 0 { try client.login() }
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
            try numbers.login()
            numbers.packet([3] + Array("SELECT 1".utf8), sequence: 5)
            #expect(numbers.receive().dropFirst(5).starts(with: [0x84, 0x04]))
            #expect(numbers.receive().isEmpty)

            let short = try RawClient(port: fixture.port)
            try short.login()
            for payload: [UInt8] in [
                [], [0x17], [0x17, 1], [0x17, 9, 9, 9, 9], [0x1C, 1, 0, 0, 0], [0x1A, 1, 0, 0, 0], [0x12],
            ] {
                short.packet(payload, sequence: 0)
                #expect(short.receive().dropFirst(4).first == 0xFF, "\(payload)")
            }
            short.packet([0x19, 1, 0, 0, 0], sequence: 0)
            short.packet([0x18, 1, 0, 0, 0, 0, 0], sequence: 0)
            short.packet([0x0E], sequence: 0)
            #expect(short.receive().dropFirst(4).first == 0)

            let early = try RawClient(port: fixture.port)
            _ = early.receive()
            // A command where the login belongs.
            early.packet([3] + Array("DROP DATABASE shop".utf8), sequence: 1)
            #expect(early.receive().dropFirst(4).first == 0xFF)
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
            try deaf.login()
            deaf.packet([3] + Array("SELECT REPEAT('x', 100000000)".utf8), sequence: 0)
            _ = deaf.receive(100)
        }
    }

    @Test("A full proxy says so, as the server does")
    func full() async throws {
        try await withProxy {
            $0.connectionsMax = 2
        } _: { fixture in
            let held = try (0..<2).map { _ in try RawClient(port: fixture.port) }
            for client in held { _ = client.receive() }
            let third = try RawClient(port: fixture.port)
            #expect(third.receive().dropFirst(4).starts(with: [0xFF, 0x10, 0x04]))
            withExtendedLifetime(held) {}
        }
    }
}
