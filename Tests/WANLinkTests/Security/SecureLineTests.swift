import ClusterCore
import Foundation
import NIOCore
import Testing

@testable import WANLink

/// Two nodes with certificates of one authority are as without; whoever has none, or another's, gets no word in.
@Suite(.timeLimit(.minutes(1))) struct SecureLineTests {
    @Test func twoNodesTalkBothWays() async throws {
        let authority = try TestAuthority()
        let one = try await TestNode.start(1, of: authority)
        let two = try await TestNode.start(2, of: authority)
        try await one.setPeers([1: one.address, 2: two.address])
        try await two.setPeers([1: one.address, 2: two.address])
        try await one.delegate.wait { $0.connected == [NodeNumber(2)] && $0.writable > 0 }
        try await two.delegate.wait { $0.connected == [NodeNumber(1)] && $0.writable > 0 }
        try await one.sendControl("vote", to: 2)
        try await two.delegate.wait { $0.control == ["1: vote"] }
        try await two.sendControl("granted", to: 1)
        try await one.delegate.wait { $0.control == ["2: granted"] }
        let parts = [ByteBuffer(string: "head"), ByteBuffer(repeating: 7, count: 900_000), ByteBuffer(string: "tail")]
        #expect(try await one.onLoop { $0.sendBulk(parts, to: NodeNumber(2)) })
        try await two.delegate.wait { $0.bulkFrames.count == 1 }
        var expected = ByteBuffer()
        for part in parts { expected.writeImmutableBuffer(part) }
        #expect(two.delegate.notes.bulkFrames == [expected])
        #expect(two.delegate.notes.hellos.allSatisfy { $0.certificate?.name == "node-1" })
        try await one.close()
        try await two.delegate.wait { $0.connected.isEmpty }
        try await two.close()
    }

    @Test func aRequestIsAnswered() async throws {
        let authority = try TestAuthority()
        let leader = try await TestNode.start(1, of: authority)
        let joiner = try await TestNode.start(nil, of: authority)
        let address = leader.address
        let answer = try await joiner.loop.flatSubmit { [network = joiner.network] in
            network.request(ByteBuffer(string: "join"), address: address, timeout: .seconds(5))
        }.get()
        #expect(String(buffer: answer) == "join")
        try await leader.close()
        try await joiner.close()
    }

    /// The caller dials the host; both logs must say what is expected and nothing may get through.
    private func expectRefusal(
        host: TestNode, caller: TestNode, hostSays: String, callerSays: String, number: UInt16 = 1
    ) async throws {
        try await caller.setPeers([number: host.address])
        try await caller.log.wait(for: callerSays)
        if !hostSays.isEmpty { try await host.log.wait(for: hostSays) }
        #expect(host.delegate.notes.connected.isEmpty && caller.delegate.notes.connected.isEmpty)
        #expect(host.delegate.notes.control.isEmpty && host.delegate.notes.bulkFrames.isEmpty)
        try await caller.close()
        try await host.close()
    }

    @Test func aCertificateOfAnotherAuthority() async throws {
        let ours = try TestAuthority()
        let theirs = try TestAuthority()
        // It trusts us, as somebody who copied our ca.pem; we do not trust it.
        let forged = try theirs.security("node-2", trusting: [ours])
        let host = try await TestNode.start(1, of: ours)
        let caller = try await TestNode.start(2, of: theirs, certificate: forged)
        try await expectRefusal(
            host: host, caller: caller,
            hostSays: "which is not this cluster's CA", callerSays: "does not know the CA of this node's certificate")
    }

    @Test func aHostOfAnotherAuthority() async throws {
        let ours = try TestAuthority()
        let theirs = try TestAuthority()
        let host = try await TestNode.start(1, of: theirs)
        let caller = try await TestNode.start(2, of: ours)
        try await expectRefusal(
            host: host, caller: caller, hostSays: "TLS",
            callerSays: "which is not this cluster's CA")
    }

    @Test func anExpiredCertificate() async throws {
        let authority = try TestAuthority()
        let expired = try authority.security("node-2", days: 1, now: Date(timeIntervalSinceNow: -2 * 86_400))
        let host = try await TestNode.start(1, of: authority)
        let caller = try await TestNode.start(2, of: authority, certificate: expired)
        try await expectRefusal(
            host: host, caller: caller,
            hostSays: "the certificate of node-2 expired on",
            callerSays: "says that this node's certificate has expired")
    }

    @Test func aCertificateThatIsNotYetValid() async throws {
        let authority = try TestAuthority()
        let early = try authority.security("node-2", now: Date(timeIntervalSinceNow: 3_600))
        let host = try await TestNode.start(1, of: authority)
        let caller = try await TestNode.start(2, of: authority, certificate: early)
        try await expectRefusal(
            host: host, caller: caller,
            hostSays: "the certificate of node-2 is not valid before", callerSays: "this node's certificate")
    }

    @Test func aCertificateWithAnotherNodesName() async throws {
        let authority = try TestAuthority()
        let other = try authority.security("node-3")
        let host = try await TestNode.start(1, of: authority)
        let caller = try await TestNode.start(2, of: authority, certificate: other)
        try await expectRefusal(
            host: host, caller: caller,
            hostSays: "the certificate is node-3's, not node-2's",
            callerSays: "the certificate is node-3's, not node-2's")
    }

    @Test func aHostWithAnotherNodesName() async throws {
        let authority = try TestAuthority()
        let other = try authority.security("node-3")
        let host = try await TestNode.start(1, of: authority, certificate: other)
        let caller = try await TestNode.start(2, of: authority)
        try await expectRefusal(
            host: host, caller: caller, hostSays: "",
            callerSays: "not the right node: the certificate is node-3's, not node-1's")
    }

    @Test func aHostThatIsNotTheMemberThatWasDialled() async throws {
        let authority = try TestAuthority()
        // Whoever answers calls itself node-1 in certificate and welcome; the membership knows member 1 as db1.
        let host = try await TestNode.start(1, of: authority)
        let caller = try await TestNode.start(2, of: authority, delegate: RecordingDelegate(idOf: { _ in "db1" }))
        try await expectRefusal(
            host: host, caller: caller,
            hostSays: "", callerSays: "the node that answers is node-1, not db1")
    }

    @Test func aRemovedMember() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(
            1, of: authority,
            delegate: RecordingDelegate(objection: { "member \($0.number?.description ?? "?") was removed" }))
        let caller = try await TestNode.start(2, of: authority)
        try await expectRefusal(
            host: host, caller: caller, hostSays: "member 2 was removed",
            callerSays: "member 2 was removed")
    }

    @Test func aHostWithoutTLS() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1)
        let caller = try await TestNode.start(2, of: authority)
        try await expectRefusal(
            host: host, caller: caller,
            hostSays: "not a frame of this protocol", callerSays: "during the TLS handshake")
    }

    @Test func aCallerWithoutTLS() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority)
        let caller = try await TestNode.start(2)
        try await expectRefusal(
            host: host, caller: caller,
            hostSays: "does not speak TLS", callerSays: "no control line to member 1")
    }
}
