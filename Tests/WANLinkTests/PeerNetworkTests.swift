import ClusterCore
import NIOCore
import Testing
import WANLink

@Suite(.timeLimit(.minutes(1))) struct PeerNetworkTests {
    @Test func twoNodesTalkBothWays() async throws {
        let one = try await TestNode.start(1)
        let two = try await TestNode.start(2)
        try await one.setPeers([1: one.address, 2: two.address])
        try await two.setPeers([1: one.address, 2: two.address])
        try await one.delegate.wait { $0.connected == [NodeNumber(2)] && $0.writable > 0 }
        try await two.delegate.wait { $0.connected == [NodeNumber(1)] && $0.writable > 0 }

        try await one.sendControl("vote", to: 2)
        try await two.delegate.wait { $0.control == ["1: vote"] }
        try await two.sendControl("granted", to: 1)
        try await one.delegate.wait { $0.control == ["2: granted"] }

        let parts = [ByteBuffer(string: "head"), ByteBuffer(repeating: 7, count: 300_000), ByteBuffer(string: "tail")]
        #expect(try await one.onLoop { $0.sendBulk(parts, to: NodeNumber(2)) })
        try await two.delegate.wait { $0.bulkFrames.count == 1 }
        var expected = ByteBuffer()
        for part in parts { expected.writeImmutableBuffer(part) }
        #expect(two.delegate.notes.bulkFrames == [expected])

        try await one.close()
        try await two.delegate.wait { $0.connected.isEmpty && $0.disconnections.count == 1 }
        try await two.close()
    }

    @Test func linkStateTellsHowTheLinesAreDoing() async throws {
        let one = try await TestNode.start(1, timeout: .seconds(1))
        let two = try await TestNode.start(2, timeout: .seconds(1))
        try await one.setPeers([2: two.address])
        try await two.setPeers([1: one.address])
        try await one.delegate.wait { !$0.connected.isEmpty }
        try await two.delegate.wait { !$0.connected.isEmpty }
        var state = try await one.onLoop { $0.linkState(of: NodeNumber(2)) }
        while state?.roundTrip == nil { state = try await one.onLoop { $0.linkState(of: NodeNumber(2)) } }
        #expect(state?.controlConnected == true && state?.bulkConnected == true)
        #expect(state?.incomingControlConnected == true && state?.incomingBulkConnected == true)
        #expect(state?.connectedSince != nil)
        #expect((state?.bytesIn ?? 0) > 32 && (state?.bytesOut ?? 0) > 32)
        #expect(try await one.onLoop { $0.linkState(of: NodeNumber(3)) } == nil)
        try await one.close()
        try await two.close()
    }

    @Test func aRequestNeedsNoIdentity() async throws {
        let leader = try await TestNode.start(1)
        let joiner = try await TestNode.start(nil)
        let address = leader.address
        let answer = try await joiner.loop.flatSubmit { [network = joiner.network] in
            network.request(ByteBuffer(string: "join"), address: address, timeout: .seconds(5))
        }.get()
        #expect(String(buffer: answer) == "join")
        try await leader.close()
        try await joiner.close()
    }
}
