import ClusterCore
import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import WANLink

@Suite(.timeLimit(.minutes(1))) struct FloodTests {
    /// Strangers at another address open all that they can and say nothing; a member that comes then gets its lines.
    @Test func aMemberGetsThroughAFloodOfStrangers() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority)
        let member = try await TestNode.start(2, of: authority)
        let early = try await TestNode.start(3, of: authority)
        try await early.setPeers([1: host.address])
        try await early.delegate.wait { !$0.connected.isEmpty }
        let group = MultiThreadedEventLoopGroup.singleton
        let port = host.network.localPort
        var strangers: [any Channel] = []
        for _ in 0..<190 {
            let channel = try await ClientBootstrap(group: group)
                .bind(to: try SocketAddress(ipAddress: "127.0.0.9", port: 0))
                .connect(host: "127.0.0.1", port: port).get()
            strangers.append(channel)
        }
        try await member.setPeers([1: host.address])
        try await member.delegate.wait { !$0.connected.isEmpty }
        try await early.sendControl("still here", to: 1)
        try await host.delegate.wait { $0.control.contains("3: still here") }
        #expect(early.delegate.notes.disconnections.isEmpty)
        let open = try await host.onLoop { $0.acceptedCount }
        #expect(open <= 128 + 4)
        for stranger in strangers { stranger.close(promise: nil) }
        for node in [member, early, host] { try await node.close() }
    }

    private final class Thing {}

    @Test func theGateLetsTheCrowdPayForItself() {
        var gate = AcceptGate(strangersMax: 3, perHostAndSecondMax: 100)
        let things = (0..<6).map { _ in Thing() }
        let ids = things.map { ObjectIdentifier($0) }
        let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        #expect(gate.arrive(ids[0], from: "a", now: now) == .admit(evicting: nil))
        #expect(gate.arrive(ids[1], from: "b", now: now) == .admit(evicting: nil))
        #expect(gate.arrive(ids[2], from: "b", now: now) == .admit(evicting: nil))
        #expect(gate.arrive(ids[3], from: "b", now: now) == .admit(evicting: ids[1]))
        #expect(gate.arrive(ids[4], from: "c", now: now) == .admit(evicting: ids[2]))
        gate.leave(ids[0])
        #expect(gate.count == 2)
        #expect(gate.arrive(ids[5], from: "d", now: now) == .admit(evicting: nil))
        #expect(gate.count == 3)
    }

    @Test func oneHostsHandshakesAreCountedPerSecond() {
        var gate = AcceptGate(strangersMax: 10, perHostAndSecondMax: 2)
        let things = (0..<4).map { _ in Thing() }
        let ids = things.map { ObjectIdentifier($0) }
        let now = NIODeadline.uptimeNanoseconds(5_000_000_000)
        #expect(gate.arrive(ids[0], from: "a", now: now) == .admit(evicting: nil))
        #expect(gate.arrive(ids[1], from: "a", now: now) == .admit(evicting: nil))
        #expect(gate.arrive(ids[2], from: "a", now: now) == .refuse)
        #expect(gate.arrive(ids[2], from: "b", now: now) == .admit(evicting: nil))
        #expect(gate.arrive(ids[3], from: "a", now: now + .seconds(1)) == .admit(evicting: nil))
    }
}
