import ClusterCore
import NIOCore
import Testing

@testable import WANLink

/// What a receiver's word and a kernel's no do to a line.
@Suite(.timeLimit(.minutes(1))) struct BulkLineTests {
    private func pair(
        adjust: (inout PeerNetwork.Configuration) -> Void = { _ in }
    ) async throws -> (TestNode, TestNode) {
        let one = try await TestNode.start(1, adjust: adjust)
        let two = try await TestNode.start(2, adjust: adjust)
        try await one.setPeers([2: two.address])
        try await one.delegate.wait { $0.writable > 0 }
        return (one, two)
    }

    private func state(_ node: TestNode) async throws -> LinkState {
        try #require(try await node.onLoop { $0.linkState(of: NodeNumber(2)) })
    }

    /// Asks until the answer fits; the suite's time limit ends it otherwise.
    private func wait(_ node: TestNode, until condition: (LinkState) -> Bool) async throws {
        while try await !condition(state(node)) { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test func whatTheReceiverHoldsIsNotSentAgainstCredit() async throws {
        let (one, two) = try await pair { $0.windowBytes = 1 << 20 }
        try await two.onLoop { $0.setBulk(heldBytes: 1 << 20) }
        let sent = try await one.onLoop { network in
            var sent = 0
            while network.sendBulk(ByteBuffer(repeating: 1, count: 100_000), to: NodeNumber(2)) { sent += 100_000 }
            return sent
        }
        #expect(sent >= 1 << 20 && sent < (1 << 20) + 100_000)
        try await two.delegate.wait { $0.bulkBytes == sent }
        #expect(try await state(one).bulkCreditBytes == 0)
        let before = one.delegate.notes.writable
        try await two.onLoop { $0.setBulk(heldBytes: 0) }
        try await one.delegate.wait { $0.writable > before }
        #expect(try await one.onLoop { $0.bulkCapacity(to: NodeNumber(2)) } > 0)
        try await one.close()
        try await two.close()
    }

    @Test func anObstacleStopsTheSenderAndItsEndLetsItGoOn() async throws {
        let (one, two) = try await pair { $0.windowBytes = 1 << 20 }
        try await two.onLoop { $0.setBulk(heldBytes: 0, obstacle: "its disk is full") }
        try await wait(one) { $0.peerObstacle == "its disk is full" }
        try await one.onLoop { network in
            while network.sendBulk(ByteBuffer(repeating: 1, count: 100_000), to: NodeNumber(2)) {}
        }
        try await wait(one) { $0.bulkCreditBytes == 0 && $0.bulkQueuedBytes == 0 }
        try await two.onLoop { $0.setBulk(heldBytes: 0) }
        try await wait(one) { $0.peerObstacle.isEmpty && $0.bulkCreditBytes > 0 }
        try await one.close()
        try await two.close()
    }

    @Test func aSessionBegunDuringAnObstacleIsUpAndSendsNothing() async throws {
        let one = try await TestNode.start(1)
        let two = try await TestNode.start(2)
        try await two.onLoop { $0.setBulk(heldBytes: 0, obstacle: "its disk is full") }
        try await one.setPeers([2: two.address])
        try await one.delegate.wait { !$0.connected.isEmpty }
        #expect(try await state(one).peerObstacle == "its disk is full")
        #expect(try await one.onLoop { $0.bulkCapacity(to: NodeNumber(2)) } == 0)
        try await two.onLoop { $0.setBulk(heldBytes: 0) }
        try await wait(one) { $0.bulkCreditBytes > 0 }
        try await one.close()
        try await two.close()
    }

    @Test func theKernelsNoIsTold() async throws {
        #if os(Linux)
            let (one, two) = try await pair { $0.congestion = "no-such-thing" }
            let congestion = try #require(try await state(one).congestion)
            #expect(congestion.refusal?.contains("no-such-thing") == true)
            #expect(!congestion.name.isEmpty && congestion.name != "no-such-thing")
            try await one.close()
            try await two.close()
        #endif
    }

    @Test func theKernelsYesIsInForce() async throws {
        #if os(Linux)
            // Reno is in every kernel and allowed to everyone.
            let (one, two) = try await pair { $0.congestion = "reno" }
            #expect(try await state(one).congestion == Congestion(name: "reno", refusal: nil))
            try await one.close()
            try await two.close()
        #endif
    }
}
