import ClusterCore
import NIOCore
import Testing

@testable import WANLink

/// Whoever does not belong is told why, and both logs say so.
@Suite(.timeLimit(.minutes(1))) struct RefusalTests {
    private func expectRefusal(
        _ reason: String, caller: TestNode, callerThinks number: UInt16 = 1, host: TestNode
    ) async throws {
        try await caller.setPeers([number: host.address])
        try await caller.log.wait(for: reason)
        try await host.log.wait(for: reason)
        let state = try await caller.onLoop { $0.linkState(of: NodeNumber(number)) }
        #expect(state?.controlConnected == false)
        #expect(host.delegate.notes.connected.isEmpty && caller.delegate.notes.connected.isEmpty)
        try await caller.close()
        try await host.close()
    }

    @Test func aNodeOfAnotherCluster() async throws {
        let host = try await TestNode.start(1)
        let caller = try await TestNode.start(2, cluster: "c2")
        try await expectRefusal("wrong cluster: this node belongs to c1, the caller to c2", caller: caller, host: host)
    }

    @Test func aRemovedMember() async throws {
        let host = try await TestNode.start(
            1, delegate: RecordingDelegate(objection: { "member \($0.number?.description ?? "?") was removed" }))
        try await expectRefusal("member 2 was removed", caller: try await TestNode.start(2), host: host)
        #expect(host.delegate.notes.hellos.first?.id == "node-2")
    }

    @Test func aCallerThatWantsAnotherNode() async throws {
        let host = try await TestNode.start(1)
        let caller = try await TestNode.start(2)
        try await expectRefusal("wrong node: this is member 1 (node-1)", caller: caller, callerThinks: 3, host: host)
    }

    @Test func aHostThatHasNotJoined() async throws {
        let host = try await TestNode.start(nil)
        let caller = try await TestNode.start(2)
        try await expectRefusal("does not belong to a cluster yet", caller: caller, host: host)
    }

    @Test func anIdentityMayComeLater() async throws {
        let host = try await TestNode.start(nil)
        let caller = try await TestNode.start(2)
        try await caller.setPeers([1: host.address])
        try await caller.log.wait(for: "does not belong to a cluster yet")
        let address = caller.address
        try await host.onLoop {
            $0.setPeers([NodeNumber(2): address])
            $0.setIdentity(PeerIdentity(clusterID: "c1", number: NodeNumber(1), id: "node-1"))
        }
        try await caller.delegate.wait { !$0.connected.isEmpty }
        try await host.delegate.wait { !$0.connected.isEmpty }
        try await caller.close()
        try await host.close()
    }

    @Test func garbageIsClosedWithOneLogLine() async throws {
        let host = try await TestNode.start(1)
        for _ in 0..<20 {
            let raw = try await RawPeer.connect(to: host)
            try await raw.send(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: db1\r\n\r\n"))
            try await raw.waitUntilClosed()
        }
        let lines = host.log.lines.filter { $0.contains("not a frame of this protocol") }
        #expect(lines.count == 1)
        try await host.close()
    }

    @Test func framesOutOfPlaceAndOutOfBoundsCloseTheLine() async throws {
        let host = try await TestNode.start(1)
        var hello = ByteBuffer()
        PeerHello(purpose: .control, clusterID: "c1", number: NodeNumber(2), id: "b", to: nil).write(to: &hello)
        var huge = ByteBuffer()
        huge.writeMultipleIntegers(
            FrameHeader.magic, FrameHeader.version, FrameType.control.rawValue, UInt32(0), UInt32.max, UInt32(0))
        let conversations: [[ByteBuffer]] = [
            [FrameDecoderTests.bytes(.control, [ByteBuffer(string: "too early")])],
            [FrameDecoderTests.bytes(.hello, [hello]), FrameDecoderTests.bytes(.hello, [hello])],
            [FrameDecoderTests.bytes(.hello, [hello]), FrameDecoderTests.bytes(.bulk, [ByteBuffer(string: "wrong")])],
            [FrameDecoderTests.bytes(.hello, [hello]), huge],
            [FrameDecoderTests.bytes(.hello, [ByteBuffer(repeating: 0, count: PeerHello.byteCountMax + 1)])],
            [FrameDecoderTests.bytes(.hello, [hello]), FrameDecoderTests.bytes(.ping, [ByteBuffer(string: "short")])],
        ]
        for frames in conversations {
            let raw = try await RawPeer.connect(to: host)
            for bytes in frames { try await raw.send(bytes) }
            try await raw.waitUntilClosed()
        }
        #expect(host.delegate.notes.control.isEmpty && host.delegate.notes.bulkFrames.isEmpty)
        try await host.close()
    }

    @Test func aCallerThatSaysNothingIsClosed() async throws {
        let host = try await TestNode.start(1, timeout: .milliseconds(200))
        let raw = try await RawPeer.connect(to: host)
        try await raw.waitUntilClosed()
        try await host.log.wait(for: "no handshake within 200 ms")
        try await host.close()
    }

    @Test func connectionsBeyondTheBoundAreClosed() async throws {
        let host = try await TestNode.start(1, adjust: { $0.acceptedConnectionsMax = 2 })
        let first = try await RawPeer.connect(to: host)
        let second = try await RawPeer.connect(to: host)
        let third = try await RawPeer.connect(to: host)
        try await third.waitUntilClosed()
        try await host.log.wait(for: "2 connections are open to the peer listener")
        #expect(first.channel.isActive && second.channel.isActive)
        try await first.channel.close()
        try await second.channel.close()
        try await host.close()
    }
}
