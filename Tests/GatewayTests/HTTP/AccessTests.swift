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
        #expect(may(.write, .loopback) == loopbackExempt)
        #expect(!may(.write, .loopback, [.origin: "http://evil.example"]))
        #expect(may(.read, .loopback, [.origin: "http://localhost:3000"]))
        for act in AccessPolicy.Act.allCases {
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

    @Test(
        "Each role may do what it includes; an expired, revoked or unknown token nothing", arguments: APIRole.allCases)
    func roles(_ role: APIRole) async throws {
        var book = TokenBook()
        let now = Date()
        let good = try book.create(name: "good", role: role, expires: nil, now: now).token
        let old = try book.create(name: "old", role: role, expires: now.addingTimeInterval(-1), now: now).token
        let gone = try book.create(name: "gone", role: role, expires: nil, now: now).token
        _ = try book.revoke("gone", now: now)
        let policy = AccessPolicy(
            token: APIToken(Self.secret), tokens: TokenDirectory(book), loopbackExempt: true, clusterSecret: nil)
        for act in AccessPolicy.Act.allCases {
            for peer in [PeerAddress.loopback, .elsewhere] {
                func status(_ token: String) -> Int? {
                    policy.refusal(act, peer: peer, headers: [.authorization: "Bearer \(token)"])?.status
                }
                #expect(
                    status(good.text) == (role >= act.role ? nil : 403), "loopback gives a token no more than its role")
                #expect(status(Self.secret) == nil, "api.token_file goes on")
                for bad in [old.text, gone.text, IssuedToken().text, String(good.text.dropLast()) + "!"] {
                    #expect(status(bad) == 401)
                }
            }
        }
    }

    @Test("Over the wire: 401 and 403 say what is wrong, and a token made while the API runs counts")
    func rolesOverTheWire() async throws {
        var configuration = HTTPAPIConfiguration(loopbackExempt: false)
        let directory = TokenDirectory()
        configuration.tokens = directory
        try await withAPI(configuration) { client in
            var book = TokenBook()
            let reader = try book.create(name: "reader", role: .read, expires: nil, now: Date()).token.text
            func change(_ token: String) async throws -> TestResponse {
                try await client.post("/cluster/switchover", "{}", headers: [.authorization: "Bearer \(token)"])
            }
            #expect(try await change(reader).status == .unauthorized)
            let admin = try book.create(name: "admin", role: .admin, expires: nil, now: Date()).token.text
            directory.use(book)
            let refused = try await change(reader)
            #expect(refused.status == .forbidden)
            #expect(try refused.problem.detail == "The token 'reader' has the role read; this needs admin.")
            #expect(try await change(admin).status == .ok)
            let status = try await client.execute(
                uri: "/status", method: .get, headers: [.authorization: "Bearer \(reader)"])
            #expect(status.status == .ok)
            _ = try book.revoke("admin", now: Date())
            directory.use(book)
            let gone = try await change(admin)
            #expect(gone.status == .unauthorized)
            #expect(try gone.problem.detail.contains("revoked"))
            #expect(!gone.text.contains(admin))
        }
    }
}
