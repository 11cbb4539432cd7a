import Gateway
import LabSupport
import Testing

/// Load balancers before the proxy, and databases behind it, that speak the PROXY protocol.
@Suite("PROXY headers in front of a real server", .serialized) struct ProxyHeaderServerTests {
    private func withProxy(
        from networks: [String], tells: Bool, serverTrusts: String = "127.0.0.1",
        _ body: (ProxyFixture) async throws -> Void
    ) async throws {
        let server = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(server)
        try await server.sql("SET GLOBAL proxy_protocol_networks = '\(serverTrusts)'")
        try await ProxyFixture.with(leader: server) {
            $0.proxyProtocolNetworks = networks.compactMap { IPNetwork($0) }
            $0.tellsClientAddress = tells
        } _: {
            try await body($0)
        }
        try await server.sql("SET GLOBAL proxy_protocol_networks = ''")
    }

    private let line = Array("PROXY TCP4 203.0.113.9 192.0.2.1 40000 3306\r\n".utf8)
    private let binary: [UInt8] =
        [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0, 12]
        + [203, 0, 113, 9, 192, 0, 2, 1, 0x9C, 0x40, 0x0C, 0xEA]

    @Test func theServerSeesTheClient() async throws {
        try await withProxy(from: ["127.0.0.0/8"], tells: true) { fixture in
            for header in [line, binary] {
                for pieces in [[header], header.map { [$0] }] {
                    let client = try RawClient(port: fixture.port)
                    for piece in pieces { client.send(piece) }
                    try await client.login(as: "far")
                    #expect(try await client.isAnswered("SELECT USER()", with: "far@203.0.113.9"))
                }
            }
            // As at MariaDB, one from there may come without.
            let plain = try RawClient(port: fixture.port)
            try await plain.login()
            #expect(try await plain.isAnswered("SELECT USER()", with: "bare@127.0.0.1"))
            await #expect(throws: LabError.self) { try await RawClient(port: fixture.port).login(as: "far") }
        }
    }

    @Test func theAccountIsTheClientsAlsoWhereTheServerSeesTheProxy() async throws {
        try await withProxy(from: ["127.0.0.1"], tells: false) { fixture in
            let everywhere = try RawClient(port: fixture.port)
            everywhere.send(line)
            try await everywhere.login()
            #expect(try await everywhere.isAnswered("SELECT USER()", with: "bare@127.0.0.1"))
            // The server would see another address, to which this account does not belong.
            let far = try RawClient(port: fixture.port)
            far.send(line)
            await #expect(throws: LabError.self) { try await far.login(as: "far") }
        }
    }

    @Test func fromElsewhereAndBrokenOnesAreRefused() async throws {
        let broken = Array("PROXY TCP4 203.0.113.9\r\n".utf8)
        for (networks, header) in [(["10.0.0.0/8"], line), ([], binary), (["127.0.0.1"], broken)] {
            try await withProxy(from: networks, tells: true) { fixture in
                let client = try RawClient(port: fixture.port)
                _ = try await client.receive()
                client.send(header)
                let answer = try await client.receive()
                #expect(answer.dropFirst(4).starts(with: [0xFF, 0x13, 0x04]), "\(networks) \(answer)")
                #expect(try await client.receive().isEmpty)
                try await RawClient(port: fixture.port).login()
            }
        }
    }

    @Test func aServerThatDoesNotTrustTheProxySaysSo() async throws {
        try await withProxy(from: [], tells: true, serverTrusts: "10.0.0.1") { fixture in
            let client = try RawClient(port: fixture.port)
            do {
                try await client.login()
                Issue.record("let in")
            } catch { #expect("\(error)".contains("255"), "\(error)") }
        }
    }
}
