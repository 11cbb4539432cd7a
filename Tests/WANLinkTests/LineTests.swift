import ClusterCore
import LabSupport
import NIOCore
import NIOPosix
import Testing

@testable import WANLink

/// What lines do when they are full, lost, silent or no longer wanted.
@Suite(.timeLimit(.minutes(1))) struct LineTests {
    private func pair(
        timeout: Duration = .seconds(5), adjust: (inout PeerNetwork.Configuration) -> Void = { _ in }
    ) async throws -> (TestNode, TestNode) {
        let one = try await TestNode.start(1, timeout: timeout, loops: Self.loops, adjust: adjust)
        let two = try await TestNode.start(2, timeout: timeout, loops: Self.loops, adjust: adjust)
        return (one, two)
    }

    /// What is silent for a second must not be a loop that another suite keeps busy.
    private static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)

    @Test func threeNodesReachEachOther() async throws {
        let nodes = [try await TestNode.start(1), try await TestNode.start(2), try await TestNode.start(3)]
        let peers: [UInt16: String] = [1: nodes[0].address, 2: nodes[1].address, 3: nodes[2].address]
        for node in nodes { try await node.setPeers(peers) }
        for node in nodes { try await node.delegate.wait { $0.connected.count == 2 } }
        for from in 1...3 {
            for to in 1...3 where to != from {
                try await nodes[from - 1].sendControl("hi", to: UInt16(to))
            }
        }
        for node in nodes { try await node.delegate.wait { $0.control.count == 2 } }
        #expect(Set(nodes[0].delegate.notes.control) == ["2: hi", "3: hi"])
        for node in nodes { try await node.close() }
    }

    @Test func controlOvertakesAFullBulkQueue() async throws {
        let (one, two) = try await pair {
            $0.bulkQueueBytesMax = 128 << 20
            $0.windowBytes = 256 << 20
        }
        try await one.setPeers([2: two.address])
        try await one.delegate.wait { $0.writable > 0 }
        let frames = try await one.onLoop { network in
            let batch = ByteBuffer(repeating: 1, count: 1 << 20)
            var frames = 0
            while network.sendBulk(batch, to: NodeNumber(2)) { frames += 1 }
            network.sendControl(ByteBuffer(string: "heartbeat"), to: NodeNumber(2))
            return frames
        }
        #expect(frames >= 128)
        try await two.delegate.wait { $0.order.count == frames + 1 }
        let position = try #require(two.delegate.notes.order.firstIndex(of: "control"))
        #expect(position < frames / 2, "the heartbeat came after \(position) of \(frames) batches")
        try await one.close()
        try await two.close()
    }

    @Test func aFullBulkQueueTakesNoMoreUntilItHasDrained() async throws {
        let (one, two) = try await pair { $0.bulkQueueBytesMax = 1 << 20 }
        let relay = try await Relay.start(to: two.network.localPort)
        try await one.setPeers([2: try await relay.address])
        try await one.delegate.wait { $0.writable == 1 }
        #expect(try await one.onLoop { $0.bulkCapacity(to: NodeNumber(2)) } == 1 << 20)
        try await relay.setFrozen(true)
        let (sent, capacity, queued) = try await one.onLoop { network in
            let batch = ByteBuffer(repeating: 1, count: 100_000)
            var sent = 0
            while network.sendBulk(batch, to: NodeNumber(2)) { sent += batch.readableBytes }
            // Before the sockets on the way take more of it.
            let queued = network.linkState(of: NodeNumber(2))?.bulkQueuedBytes ?? 0
            return (sent, network.bulkCapacity(to: NodeNumber(2)), queued)
        }
        #expect(capacity == 0)
        #expect(queued >= 1 << 20 && queued < (1 << 20) + 110_000)
        try await relay.setFrozen(false)
        try await one.delegate.wait { $0.writable == 2 }
        try await two.delegate.wait { $0.bulkBytes == sent }
        #expect(try await one.onLoop { $0.bulkCapacity(to: NodeNumber(2)) } >= 1 << 19)
        try await one.close()
        try await two.close()
        try await relay.close()
    }

    @Test func aFullControlQueueDropsAndCounts() async throws {
        let (one, two) = try await pair { $0.controlQueueBytesMax = 64 << 10 }
        let relay = try await Relay.start(to: two.network.localPort)
        try await one.setPeers([2: try await relay.address])
        try await one.delegate.wait { !$0.connected.isEmpty }
        try await relay.setFrozen(true)
        let dropped = try await one.onLoop { network in
            let payload = ByteBuffer(repeating: 1, count: 60_000)
            for _ in 0..<400 { network.sendControl(payload, to: NodeNumber(2)) }
            return network.linkState(of: NodeNumber(2))?.droppedControlFrames ?? 0
        }
        #expect(dropped > 0 && dropped < 400)
        try await relay.setFrozen(false)
        try await two.delegate.wait { $0.control.count == 400 - Int(dropped) }
        try await one.close()
        try await two.close()
        try await relay.close()
    }

    @Test func aSilentLineIsClosedOnBothSidesAndDialledAgain() async throws {
        let (one, two) = try await pair(timeout: .milliseconds(500))
        let relay = try await Relay.start(to: two.network.localPort)
        try await one.setPeers([2: try await relay.address])
        try await one.delegate.wait { !$0.connected.isEmpty }
        try await relay.setFrozen(true)
        try await one.log.wait(for: "silent for 500 ms")
        try await two.log.wait(for: "silent for 500 ms")
        try await one.delegate.wait { $0.connected.isEmpty && !$0.disconnections.isEmpty }
        #expect(one.delegate.notes.disconnections[0].contains("silent for 500 ms"))
        try await relay.setFrozen(false)
        try await one.delegate.wait { !$0.connected.isEmpty }
        // Hellos of given-up tries come out of the relay late and may replace the good line once more.
        while two.delegate.notes.control.isEmpty { try await one.sendControl("again", to: 2) }
        try await one.close()
        try await two.close()
        try await relay.close()
    }

    @Test func anIdleLineStaysUp() async throws {
        let (one, two) = try await pair(timeout: .milliseconds(1_000))
        try await one.setPeers([2: two.address])
        try await one.delegate.wait { !$0.connected.isEmpty }
        // A ping and a pong a tick on each of two lines, 24 bytes each: these are three timeouts' worth.
        try await MariaDBServer.eventually("three timeouts' pings and pongs") {
            try await one.onLoop { $0.linkState(of: NodeNumber(2))?.bytesIn ?? 0 } >= 24 * 2 * 2 * 4 * 3
        }
        #expect(one.delegate.notes.disconnections.isEmpty)
        try await one.close()
        try await two.close()
    }

    @Test func aRestartedPeerIsFoundAgain() async throws {
        let port = try FreePort.take()
        let one = try await TestNode.start(1)
        let two = try await TestNode.start(2, port: port)
        let peers: [UInt16: String] = [1: one.address, 2: two.address]
        try await one.setPeers(peers)
        try await two.setPeers(peers)
        try await one.delegate.wait { !$0.connected.isEmpty }
        try await two.close()
        try await one.delegate.wait { $0.connected.isEmpty }
        try await one.log.wait(for: "connection refused")
        let again = try await TestNode.start(2, port: port)
        try await again.setPeers(peers)
        try await one.delegate.wait { !$0.connected.isEmpty }
        try await again.delegate.wait { !$0.connected.isEmpty }
        try await one.sendControl("welcome back", to: 2)
        try await again.delegate.wait { $0.control == ["1: welcome back"] }
        try await one.close()
        try await again.close()
    }

    @Test func aRemovedPeerIsCutOff() async throws {
        let (one, two) = try await pair()
        try await one.setPeers([2: two.address])
        try await two.setPeers([1: one.address])
        try await one.delegate.wait { !$0.connected.isEmpty }
        try await two.delegate.wait { !$0.connected.isEmpty }
        try await one.setPeers([:])
        try await one.delegate.wait { $0.disconnections == ["no longer a peer"] }
        try await two.delegate.wait { !$0.disconnections.isEmpty }
        #expect(try await one.onLoop { $0.bulkCapacity(to: NodeNumber(2)) } == 0)
        try await one.sendControl("into the void", to: 2)
        try await one.close()
        try await two.close()
        #expect(two.delegate.notes.control.isEmpty)
    }

    @Test func aChangedAddressIsDialledInstead() async throws {
        let (one, two) = try await pair()
        try await one.setPeers([2: "127.0.0.1:1"])
        try await one.log.wait(for: "connection refused")
        try await one.setPeers([2: two.address])
        try await one.delegate.wait { !$0.connected.isEmpty }
        try await one.close()
        try await two.close()
    }

    @Test func aLargeBatchArrivesWhole() async throws {
        let (one, two) = try await pair()
        try await one.setPeers([2: two.address])
        try await one.delegate.wait { !$0.connected.isEmpty }
        let size = 64 << 20
        #expect(try await one.onLoop { $0.sendBulk(ByteBuffer(repeating: 5, count: size), to: NodeNumber(2)) })
        try await two.delegate.wait { $0.bulkBytes == size }
        try await one.close()
        try await two.close()
    }
}
