import ClusterCore
import Foundation
import NIOCore
import Testing

@testable import WANLink

/// Certificates change while lines are up.
@Suite(.timeLimit(.minutes(1))) struct ReloadTests {
    private func pair(_ authority: TestAuthority, days: Int = 10) async throws -> (TestNode, TestNode) {
        let one = try await TestNode.start(1, of: authority, certificate: authority.security("node-1", days: days))
        let two = try await TestNode.start(2, of: authority, certificate: authority.security("node-2", days: days))
        try await one.setPeers([2: two.address])
        try await two.setPeers([1: one.address])
        try await one.delegate.wait { !$0.connected.isEmpty }
        try await two.delegate.wait { !$0.connected.isEmpty }
        return (one, two)
    }

    /// Old and new authority together, then the new one's certificates, then the new one alone: no line falls.
    @Test func anAuthorityIsReplacedWithoutAPause() async throws {
        let old = try TestAuthority("old")
        let new = try TestAuthority("new")
        let (one, two) = try await pair(old)
        for (node, id) in [(one, "node-1"), (two, "node-2")] {
            let both = try old.security(id, trusting: [new])
            try await node.onLoop { $0.setSecurity(both, strangers: false) }
        }
        for (node, id) in [(one, "node-1"), (two, "node-2")] {
            let fresh = try new.security(id, trusting: [old])
            try await node.onLoop { $0.setSecurity(fresh, strangers: false) }
        }
        #expect(one.delegate.notes.disconnections.isEmpty && two.delegate.notes.disconnections.isEmpty)
        // The lines that are up still have the old certificates; who trusts the new authority alone dials anew.
        let alone = try new.security("node-1")
        try await one.onLoop { $0.setSecurity(alone, strangers: false) }
        try await one.delegate.wait { !$0.disconnections.isEmpty && !$0.connected.isEmpty }
        let other = try new.security("node-2")
        try await two.onLoop { $0.setSecurity(other, strangers: false) }
        try await one.sendControl("here", to: 2)
        try await two.delegate.wait { $0.control.contains("1: here") }
        for node in [one, two] { try await node.close() }
    }

    @Test func linesEndWithTheirCertificates() async throws {
        let authority = try TestAuthority()
        let (one, two) = try await pair(authority, days: 1)
        try await one.onLoop { $0.closeExpired(now: Date(timeIntervalSinceNow: 2 * 86_400)) }
        try await one.delegate.wait {
            $0.disconnections.contains { $0.contains("the certificate of node-2 expired on") }
        }
        for node in [one, two] { try await node.close() }
    }

    @Test func linesOfARemovedMemberAreClosed() async throws {
        let authority = try TestAuthority()
        let (one, two) = try await pair(authority)
        try await one.setPeers([:])
        try await two.delegate.wait { !$0.disconnections.isEmpty }
        #expect(try await one.onLoop { $0.acceptedCount } <= 4)
        for node in [one, two] { try await node.close() }
    }

    /// A dead line is given up as quickly as without TLS: nothing waits for its goodbye.
    @Test func aBlackHoledLineIsGivenUpInTime() async throws {
        let authority = try TestAuthority()
        let one = try await TestNode.start(1, of: authority, timeout: .milliseconds(400))
        let two = try await TestNode.start(2, of: authority, timeout: .milliseconds(400))
        let relay = try await Relay.start(to: two.network.localPort)
        try await one.setPeers([2: relay.address])
        try await one.delegate.wait { !$0.connected.isEmpty }
        try await relay.setFrozen(true)
        try await one.delegate.wait { $0.disconnections.contains { $0.contains("silent for 400 ms") } }
        try await relay.setFrozen(false)
        try await one.delegate.wait { !$0.connected.isEmpty }
        for node in [one, two] { try await node.close() }
        try await relay.close()
    }
}
