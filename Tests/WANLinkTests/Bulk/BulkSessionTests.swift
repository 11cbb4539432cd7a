import ClusterCore
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import WANLink

/// Whole sessions over real sockets, cut and stalled on their way.
@Suite(.timeLimit(.minutes(2)), .serialized) struct BulkSessionTests {
    /// Feeds a peer as the log does: in order, as far as it is taken, and after a break from where the peer is.
    private final class Feeder: PeerNetworkDelegate {
        struct State {
            var next: UInt64 = 0
            var isOver = false
            var sent = 0
            var sentAgain = 0
            var highest: UInt64 = 0
        }
        let count: UInt64
        let seed: UInt64
        let receiver: Collector
        let state = Mutex(State())
        let connected = Observed(0)

        init(count: UInt64, seed: UInt64, receiver: Collector) {
            self.count = count
            self.seed = seed
            self.receiver = receiver
        }

        static func payload(_ number: UInt64, seed: UInt64) -> ByteBuffer {
            var random = SplitMix64(seed: seed ^ number)
            var buffer = ByteBuffer(integer: number)
            let size = random.next() % 50 == 0 ? 600_000 : Int(random.next() % 9_000)
            buffer.writeRepeatingByte(UInt8(number % 251), count: size / 2)
            for _ in 0..<(size / 16) { buffer.writeInteger(random.next()) }
            return buffer
        }

        private func pump(_ network: PeerNetwork) {
            while true {
                let number = state.withLock { $0.next }
                guard number < count, network.bulkCapacity(to: NodeNumber(2)) > 0,
                    network.sendBulk(Self.payload(number, seed: seed), to: NodeNumber(2))
                else { return }
                state.withLock {
                    $0.next = number + 1
                    $0.sent += 1
                    if number < $0.highest { $0.sentAgain += 1 }
                    $0.highest = max($0.highest, number + 1)
                }
            }
        }

        func peerNetwork(_ network: PeerNetwork, connected peer: NodeNumber) {
            connected.change { $0 += 1 }
            let known = receiver.next
            state.withLock { $0.next = known }
            pump(network)
        }
        func peerNetwork(_ network: PeerNetwork, bulkWritable peer: NodeNumber) { pump(network) }
        func peerNetwork(_ network: PeerNetwork, control payload: ByteBuffer, from peer: NodeNumber) {}
        func peerNetwork(_ network: PeerNetwork, bulk payload: ByteBuffer, from peer: NodeNumber) {}
        func peerNetwork(_ network: PeerNetwork, disconnected peer: NodeNumber, reason: String) {}
        func peerNetwork(_ network: PeerNetwork, authorize hello: PeerHello) -> String? { nil }
        func peerNetwork(_ network: PeerNetwork, idOf peer: NodeNumber) -> String? { nil }
        func peerNetwork(_ network: PeerNetwork, request: ByteBuffer, from hello: PeerHello)
            -> EventLoopFuture<ByteBuffer>
        { network.eventLoop.makeSucceededFuture(request) }
    }

    /// Takes numbered payloads: what comes again is passed over, a gap is never allowed.
    private final class Collector: PeerNetworkDelegate {
        struct State {
            var next: UInt64 = 0
            var gaps = 0
            var damaged = 0
            var again = 0
        }
        let seed: UInt64
        let state = Observed(State())
        init(seed: UInt64) { self.seed = seed }
        var next: UInt64 { state.value.next }

        func peerNetwork(_ network: PeerNetwork, bulk payload: ByteBuffer, from peer: NodeNumber) {
            let number = payload.getInteger(at: payload.readerIndex, as: UInt64.self) ?? .max
            let isWhole = payload == Feeder.payload(number, seed: seed)
            state.change { state in
                if !isWhole { state.damaged += 1 }
                if number > state.next { state.gaps += 1 }
                if number < state.next { state.again += 1 }
                if number == state.next { state.next += 1 }
            }
        }
        func peerNetwork(_ network: PeerNetwork, connected peer: NodeNumber) {}
        func peerNetwork(_ network: PeerNetwork, bulkWritable peer: NodeNumber) {}
        func peerNetwork(_ network: PeerNetwork, control payload: ByteBuffer, from peer: NodeNumber) {}
        func peerNetwork(_ network: PeerNetwork, disconnected peer: NodeNumber, reason: String) {}
        func peerNetwork(_ network: PeerNetwork, authorize hello: PeerHello) -> String? { nil }
        func peerNetwork(_ network: PeerNetwork, idOf peer: NodeNumber) -> String? { nil }
        func peerNetwork(_ network: PeerNetwork, request: ByteBuffer, from hello: PeerHello)
            -> EventLoopFuture<ByteBuffer>
        { network.eventLoop.makeSucceededFuture(request) }
    }

    private func start(
        _ number: UInt16, _ delegate: any PeerNetworkDelegate, adjust: (inout PeerNetwork.Configuration) -> Void
    ) async throws -> PeerNetwork {
        let log = LogRecorder()
        var configuration = PeerNetwork.Configuration(bindHost: "127.0.0.1", bindPort: 0, logger: log.logger)
        adjust(&configuration)
        return try await PeerNetwork.start(
            configuration, identity: PeerIdentity(clusterID: "c", number: NodeNumber(number), id: "n\(number)"),
            on: MultiThreadedEventLoopGroup.singleton.next(), delegate: delegate
        ).get()
    }

    /// Sends `count` payloads through a relay, while `disturb` does what it wants to it.
    private func exchange(
        seed: UInt64, count: UInt64, adjust: @escaping (inout PeerNetwork.Configuration) -> Void,
        disturb: (Relay, inout SplitMix64) async throws -> Void
    ) async throws -> (Feeder.State, Collector.State, LinkState) {
        var random = SplitMix64(seed: seed)
        let collector = Collector(seed: seed)
        let feeder = Feeder(count: count, seed: seed, receiver: collector)
        let one = try await start(1, feeder, adjust: adjust)
        let two = try await start(2, collector, adjust: adjust)
        let relay = try await Relay.start(to: two.localPort)
        let address = try await relay.address
        try await one.eventLoop.submit { one.setPeers([NodeNumber(2): address]) }.get()
        try await feeder.connected.wait { $0 > 0 }
        try await disturb(relay, &random)
        try await collector.state.wait { $0.next == count }
        let link = try await one.eventLoop.submit { one.linkState(of: NodeNumber(2)) }.get()
        try await one.close().get()
        try await two.close().get()
        try await relay.close()
        return (feeder.state.withLock { $0 }, collector.state.value, try #require(link))
    }

    @Test(arguments: [1, 3]) func everythingArrivesOnceInOrder(streams: Int) async throws {
        let (sent, received, link) = try await exchange(seed: 5, count: 2_000) {
            $0.streams = streams
            $0.compressFromRoundTrip = .zero
        } disturb: { _, _ in
        }
        #expect(received.gaps == 0 && received.damaged == 0 && received.again == 0)
        #expect(sent.sent == 2_000)
        #expect(link.streams == streams && link.compressionLevel != nil)
        #expect(link.bulk.wireBytes < link.bulk.rawBytes * 2 / 3)
    }

    @Test func aNearPeerIsSentBulkAsItIs() async throws {
        let (_, received, link) = try await exchange(seed: 6, count: 500) {
            $0.compressFromRoundTrip = .seconds(1)
        } disturb: { _, _ in
        }
        #expect(received.gaps == 0 && received.damaged == 0)
        #expect(link.compressionLevel == nil && link.bulk.wireBytes > link.bulk.rawBytes)
    }

    /// The property of the whole: whatever breaks, the receiver sees the sequence without gaps, and what is sent again
    /// is not more than was under way.
    @Test(arguments: 0..<6) func cutsAndStallsLoseAndInventNothing(seed: UInt64) async throws {
        let streams = Int(seed % 3) + 1
        let window = 1 << 20
        let (sent, received, link) = try await exchange(seed: seed, count: 3_000) {
            $0.streams = streams
            $0.windowBytes = window
            $0.compressFromRoundTrip = seed % 2 == 0 ? .zero : .seconds(1)
        } disturb: { relay, random in
            for _ in 0..<20 {
                switch random.next() % 4 {
                case 0: try await relay.cut()
                case 1: try await relay.stall(Int(random.next() % 8))
                case 2: try await relay.stall(nil)
                default: try await relay.cut(Int(random.next() % 8))
                }
                try await Task.sleep(for: .milliseconds(Int(random.next() % 60)))
            }
            try await relay.stall(nil)
        }
        #expect(received.gaps == 0, "seed \(seed)")
        #expect(received.damaged == 0, "seed \(seed)")
        let underWay = (window + 4 << 20) / 4_500 * link.connections
        #expect(sent.sentAgain <= underWay, "seed \(seed): \(link.connections) sessions")
        print("seed \(seed): \(link.connections) sessions, \(sent.sentAgain) payloads sent again")
    }
}
