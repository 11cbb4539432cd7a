import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing

@testable import Gateway

@Suite("Access") struct AccessTests {
    static let secret = "0123456789abcdef0123"

    @Test("Who may do what", arguments: [false, true], [false, true])
    func policy(hasToken: Bool, loopbackExempt: Bool) throws {
        let policy = AccessPolicy(
            token: hasToken ? APIToken(Self.secret) : nil, loopbackExempt: loopbackExempt,
            clusterSecret: APIToken("the cluster's own"))
        func may(_ act: AccessPolicy.Act, _ peer: PeerAddress, _ headers: HTTPFields = [:]) -> Bool {
            policy.refusal(act, peer: peer, headers: headers) == nil
        }
        #expect(may(.read, .loopback))
        #expect(may(.change, .loopback) == loopbackExempt)
        #expect(!may(.change, .loopback, [.origin: "http://evil.example"]))
        #expect(may(.read, .loopback, [.origin: "http://localhost:3000"]))
        for act in [AccessPolicy.Act.read, .change] {
            #expect(!may(act, .elsewhere))
            #expect(!may(act, .elsewhere, [HTTPField.Name("X-Forwarded-For")!: "127.0.0.1"]))
            #expect(may(act, .elsewhere, [.authorization: "Bearer \(Self.secret)"]) == hasToken)
            #expect(may(act, .elsewhere, [.authorization: "bearer \(Self.secret)"]) == hasToken)
            #expect(!may(act, .loopback, [.authorization: "Bearer \(Self.secret)x"]), "a wrong token is not forgiven")
            #expect(!may(act, .elsewhere, [.authorization: "Basic \(Self.secret)"]))
            #expect(!may(act, .elsewhere, [.authorization: Self.secret]))
            #expect(may(act, .elsewhere, [.forwardSecret: "the cluster's own"]))
            #expect(!may(act, .loopback, [.forwardSecret: "another cluster's"]))
            #expect(!may(act, .loopback, [.forwardSecret: ""]))
        }
    }

    @Test(
        "Tokens compare whole, prefixes and extensions do not match",
        arguments: [
            ("0123456789abcdef0123", true), ("0123456789abcdef012", false), ("0123456789abcdef01230", false),
            ("0123456789abcdef01230123456789abcdef0123", false), ("", false), ("0123456789abcdef0124", false),
            ("X123456789abcdef0123", false),
        ])
    func tokens(_ candidate: String, _ matches: Bool) {
        #expect(APIToken(Self.secret).matches(candidate) == matches)
        #expect(!"\(APIToken(Self.secret))".contains(Self.secret))
    }

    @Test("The token file is checked")
    func tokenFile() throws {
        let path = "/tmp/gateway-token-\(UInt64.random(in: 0...UInt64.max))"
        try Data("  \(Self.secret)\n".utf8).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        #expect(try APIToken(file: path).matches(Self.secret))
        try Data("short\n".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: APIToken.FileError.self) { try APIToken(file: path) }
        #expect(throws: APIToken.FileError.self) { try APIToken(file: path + "-missing") }
    }

    @Test(
        "Loopback addresses",
        arguments: [
            ("127.0.0.1", true), ("127.8.9.10", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false),
            ("128.0.0.1", false), ("::ffff:10.0.0.1", false), ("fe80::1", false), ("127.0.0.1.evil", false),
            ("", false),
        ])
    func loopback(_ address: String, _ isLoopback: Bool) { #expect(PeerAddress.isLoopback(address) == isLoopback) }

    @Test("A peer without an address is not trusted")
    func unknownPeer() throws {
        #expect(PeerAddress(nil) == .elsewhere)
        #expect(PeerAddress(try SocketAddress(ipAddress: "127.0.0.1", port: 1)) == .loopback)
        #expect(PeerAddress(try SocketAddress(ipAddress: "192.0.2.1", port: 1)) == .elsewhere)
        #expect(PeerAddress(try SocketAddress(unixDomainSocketPath: "/tmp/s")) == .loopback)
    }

    @Test("Over the wire: without the exemption a change needs the token, and says so")
    func wire() async throws {
        let configuration = HTTPAPIConfiguration(token: APIToken(Self.secret), loopbackExempt: false)
        try await withAPI(configuration) { client in
            #expect(try await client.execute(uri: "/status", method: .get).status == .ok)
            for path in ["/write/insert", "/write/ddl", "/cluster/members", "/cluster/switchover"] {
                let answer = try await client.post(path, "{}")
                #expect(answer.status == .unauthorized)
                #expect(answer.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
                #expect(try answer.problem.kind == .unauthorized)
            }
            let removal = try await client.execute(uri: "/cluster/members/node-2", method: .delete)
            #expect(removal.status == .unauthorized)
            let allowed = try await client.post(
                "/cluster/switchover", "{}", headers: [.authorization: "Bearer \(Self.secret)"])
            #expect(allowed.status == .ok)
        }
    }
}
