import LabSupport
import MariaDBWire
import NIOCore
import Testing

@testable import Gateway

/// A client has the database's own numbers for its statements, until another database gives one of them again.
@Suite("Numbers of prepared statements", .serialized) struct StatementNumbersTests {
    @Test("A number that the next leader gives to another statement")
    func numbersMeetAfterAFailover() async throws {
        // Fresh ones: a server that serves a second client with the same thread goes on counting.
        try await withServers { server, other in
            try await ProxyFixture.with(leader: server) { fixture in
                let client = try NumberedClient(RawClient(port: fixture.port))
                try await client.connection.login()
                let first = try await client.prepare("SELECT 'first', @@server_id")
                let second = try await client.prepare("SELECT 'second', @@server_id")
                #expect((first, second) == (1, 2))
                #expect(try await client.execute(second).contains("second"))

                fixture.proxy.update(ProxyFixture.view(leader: other, epoch: 2))
                // There this one is the first, and so has the first one's number.
                let third = try await client.prepare("SELECT 'third', @@server_id")
                #expect(ProxySession.ownIDs.contains(third), "\(third)")
                for _ in 0..<2 {
                    for (number, text) in [(first, "first"), (third, "third"), (second, "second")] {
                        #expect(try await client.execute(number).contains(text))
                    }
                }
                // The statement prepared last, by the number that stands for it, is not the one that the database prepared last.
                #expect(try await client.execute(0xFFFF_FFFF).contains("third"))
                client.close(first)
                #expect(try await client.execute(first).contains("Unknown prepared statement handler"))
                #expect(try await client.execute(third).contains("third"))
            }
        }
    }

    private func withServers(_ body: @Sendable @escaping (MariaDBServer, MariaDBServer) async throws -> Void)
        async throws
    {
        try await MariaDBServer.withServer(id: 13, options: SharedServer.options) { one in
            try await MariaDBServer.withServer(id: 14, options: SharedServer.options) { other in
                for server in [one, other] { try await ProxyFixture.makeAccounts(server) }
                try await body(one, other)
            }
        }
    }
}

private struct NumberedClient {
    let connection: RawClient

    init(_ connection: RawClient) { self.connection = connection }

    /// - Returns: the number that the client is given.
    func prepare(_ text: String) async throws -> UInt32 {
        connection.packet([Command.prepare] + Array(text.utf8), sequence: 0)
        let head = try await packet()
        guard head.first == 0, head.count >= 9 else { throw LabError("not prepared: \(head)") }
        // Two columns, without parameters, and the packet that ends them.
        for _ in 0..<3 { _ = try await packet() }
        return ByteBuffer(bytes: head[1..<5]).getInteger(at: 0, endianness: .little) ?? 0
    }

    /// - Returns: all of the answer as text, up to the packet that ends its rows or says what went wrong.
    func execute(_ number: UInt32) async throws -> String {
        var payload = ByteBuffer(bytes: [Command.execute])
        payload.writeInteger(number, endianness: .little)
        payload.writeBytes([0, 1, 0, 0, 0])
        connection.packet(Array(buffer: payload), sequence: 0)
        var text = ""
        var ends = 0
        while ends < 2 {
            let packet = try await packet()
            text += String(decoding: packet, as: UTF8.self)
            if packet.first == 0xFF { break }
            if packet.first == 0xFE, packet.count < 9 { ends += 1 }
        }
        return text
    }

    func close(_ number: UInt32) {
        var payload = ByteBuffer(bytes: [Command.closeStatement])
        payload.writeInteger(number, endianness: .little)
        connection.packet(Array(buffer: payload), sequence: 0)
    }

    private func packet() async throws -> [UInt8] {
        let header = try await connection.exactly(4)
        guard header.count == 4 else { throw LabError("nothing more comes") }
        return try await connection.exactly(Int(header[0]) | Int(header[1]) << 8 | Int(header[2]) << 16)
    }
}
