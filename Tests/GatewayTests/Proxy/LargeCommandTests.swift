import LabSupport
import NIOCore
import Testing

@testable import Gateway

/// The rest of a large command waits at the client while there is nobody to pass it on to, and goes on afterwards.
@Suite("Large commands", .serialized) struct LargeCommandTests {
    @Test("One that waits for a leader", arguments: [1_100_000, 9_000_000, 15_000_000])
    func waitsForALeader(bytes: Int) async throws {
        try await withServer { server in
            try await ProxyFixture.with(leader: server) {
                $0.failoverWait = .seconds(30)
            } _: { fixture in
                let client = try RawClient(port: fixture.port)
                try await client.login()
                #expect(try await client.isAnswered("SELECT 'ready'", with: "ready"))
                fixture.proxy.update(ProxyFixture.view(leader: nil, epoch: 1))
                let statement = Array("DO LENGTH('".utf8) + [UInt8](repeating: 65, count: bytes) + Array("')".utf8)
                async let sent: Void = client.queryWaiting(statement)
                if bytes < 2_000_000 {
                    // The proxy's kernel takes what the proxy does not.
                    try await sent
                } else {
                    var unsent = (before: 0, now: 0)
                    try await MariaDBServer.eventually("the proxy takes no more of it") {
                        unsent = (unsent.now, client.unsentBytes)
                        return unsent.now > 0 && unsent.now == unsent.before
                    }
                }
                fixture.proxy.update(ProxyFixture.view(leader: server, epoch: 2))
                try await sent
                #expect(try await client.exactly(5).last == 0)
                _ = try await client.receive()
                #expect(try await client.isAnswered("SELECT 'after'", with: "after"))
            }
        }
    }

    @Test("One for a database that is slow to take it is held back")
    func isHeldBack() async throws {
        try await withServer { server in
            try await ProxyFixture.with(leader: server) { fixture in
                let client = try RawClient(port: fixture.port)
                try await client.login()
                #expect(try await client.isAnswered("SELECT 'ready'", with: "ready"))
                // The database stands still in the midst of it.
                let statement = Array("DO LENGTH('".utf8) + [UInt8](repeating: 65, count: 15_000_000) + Array("')".utf8)
                try server.signal(.stop)
                async let sent: Void = client.queryWaiting(statement)
                var unsent = (before: 0, now: 0)
                try await MariaDBServer.eventually("the proxy takes no more of it") {
                    unsent = (unsent.now, client.unsentBytes)
                    return unsent.now > 0 && unsent.now == unsent.before
                }
                try server.signal(.resume)
                try await sent
                #expect(try await client.exactly(5).last == 0)
            }
        }
    }

    private func withServer(_ body: @Sendable @escaping (MariaDBServer) async throws -> Void) async throws {
        try await MariaDBServer.withServer(id: 15, options: SharedServer.options) { server in
            try await ProxyFixture.makeAccounts(server)
            try await body(server)
        }
    }
}
