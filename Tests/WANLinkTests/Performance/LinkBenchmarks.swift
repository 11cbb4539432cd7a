import ClusterCore
import Foundation
import Glibc
import NIOCore
import NIOPosix
import Testing
import WANLink

/// How fast the lines are on loopback. Runs only when asked, and only means something in a release build:
/// `LINK_BENCHMARK=1 swift test -c release --filter LinkBenchmarks`.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["LINK_BENCHMARK"] != nil))
struct LinkBenchmarks {
    /// Answers each control frame with one, and each bulk frame with a control frame, as a follower does.
    private final class Echo: PeerNetworkDelegate {
        let done: EventLoopPromise<Void>
        nonisolated(unsafe) var left: Int
        nonisolated(unsafe) var sends: (PeerNetwork) -> Void = { _ in }
        let isServer: Bool
        let connected: EventLoopPromise<Void>

        init(isServer: Bool, rounds: Int, on loop: any EventLoop) {
            self.isServer = isServer
            left = rounds
            done = loop.makePromise()
            connected = loop.makePromise()
        }

        func peerNetwork(_ network: PeerNetwork, control payload: ByteBuffer, from peer: NodeNumber) {
            if isServer { return network.sendControl(payload, to: peer) }
            left -= 1
            if left == 0 { done.succeed(()) } else { sends(network) }
        }
        func peerNetwork(_ network: PeerNetwork, bulk payload: ByteBuffer, from peer: NodeNumber) {
            network.sendControl(ByteBuffer(integer: UInt64(payload.readableBytes)), to: peer)
        }
        func peerNetwork(_ network: PeerNetwork, connected peer: NodeNumber) { connected.succeed(()) }
        func peerNetwork(_ network: PeerNetwork, disconnected peer: NodeNumber, reason: String) {}
        func peerNetwork(_ network: PeerNetwork, bulkWritable peer: NodeNumber) {}
        func peerNetwork(_ network: PeerNetwork, authorize hello: PeerHello) -> String? { nil }
        func peerNetwork(_ network: PeerNetwork, idOf peer: NodeNumber) -> String? { nil }
        func peerNetwork(
            _ network: PeerNetwork, request: ByteBuffer, from hello: PeerHello
        ) -> EventLoopFuture<ByteBuffer> { network.eventLoop.makeSucceededFuture(request) }
    }

    private func measure(
        _ name: String, tls: Bool, rounds: Int, inFlight: Int = 1, bytes: Int, send: @escaping (PeerNetwork) -> Void
    ) async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (a, b) = (loops.next(), loops.next())
        let client = Echo(isServer: false, rounds: rounds, on: a)
        let server = Echo(isServer: true, rounds: 0, on: b)
        let authority = tls ? try TestAuthority() : nil
        let one = try await start(1, on: a, client, try authority?.security("n1"))
        let two = try await start(2, on: b, server, try authority?.security("n2"))
        let (oneAddress, twoAddress) = ("127.0.0.1:\(one.localPort)", "127.0.0.1:\(two.localPort)")
        try await a.submit { one.setPeers([NodeNumber(2): twoAddress]) }.get()
        try await b.submit { two.setPeers([NodeNumber(1): oneAddress]) }.get()
        try await client.connected.futureResult.get()
        try await server.connected.futureResult.get()
        client.sends = send
        let begin = ContinuousClock.now
        try await a.submit { for _ in 0..<inFlight { client.sends(one) } }.get()
        try await client.done.futureResult.get()
        let time = ContinuousClock.now - begin
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        let rate = Int(Double(rounds * bytes) / seconds / 1e6)
        print("\(name)\(tls ? ", TLS" : ""): \(Int(seconds / Double(rounds) * 1e9)) ns a round, \(rate) MB/s")
        try await one.close().get()
        try await two.close().get()
        try await loops.shutdownGracefully()
    }

    private func start(
        _ number: UInt16, on loop: any EventLoop, _ delegate: Echo, _ security: LinkSecurity?
    ) async throws -> PeerNetwork {
        var configuration = PeerNetwork.Configuration(
            bindHost: "127.0.0.1", bindPort: 0, logger: LogRecorder().logger)
        configuration.security = security
        return try await PeerNetwork.start(
            configuration,
            identity: PeerIdentity(clusterID: "c", number: NodeNumber(number), id: "n\(number)"), on: loop,
            delegate: delegate
        ).get()
    }

    @Test(arguments: [false, true]) func heartbeatRoundTrip(tls: Bool) async throws {
        let payload = ByteBuffer(repeating: 1, count: 50)
        try await measure("control round trip", tls: tls, rounds: 50_000, bytes: 50) {
            $0.sendControl(payload, to: NodeNumber(2))
        }
    }

    @Test(arguments: [false, true]) func smallBatchRoundTrip(tls: Bool) async throws {
        let parts = [ByteBuffer(repeating: 1, count: 60), ByteBuffer(repeating: 2, count: 2_300)]
        try await measure("batch of 2.3 KB, acknowledged", tls: tls, rounds: 50_000, bytes: 2_360) {
            _ = $0.sendBulk(parts, to: NodeNumber(2))
        }
    }

    @Test(arguments: [false, true]) func largeBatchThroughput(tls: Bool) async throws {
        let parts = [ByteBuffer(repeating: 1, count: 60), ByteBuffer(repeating: 2, count: 256 << 10)]
        try await measure("batches of 256 KB, 16 under way", tls: tls, rounds: 20_000, inFlight: 16, bytes: 256 << 10) {
            _ = $0.sendBulk(parts, to: NodeNumber(2))
        }
    }

    /// `LINK_BENCHMARK_FILE` names something to send, best a binlog; what is sent has no history before it.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["LINK_BENCHMARK_FILE"] != nil), arguments: [false, true])
    func bulkOfAFile(compressed: Bool) async throws {
        let path = ProcessInfo.processInfo.environment["LINK_BENCHMARK_FILE"] ?? ""
        let file = ByteBuffer(bytes: try Data(contentsOf: URL(fileURLWithPath: path)).prefix(128 << 20))
        let size = file.readableBytes
        let one = try await TestNode.start(1) {
            $0.compressFromRoundTrip = compressed ? .zero : .seconds(10)
        }
        let two = try await TestNode.start(2)
        try await one.setPeers([2: two.address])
        try await one.delegate.wait { $0.writable > 0 }
        let (begin, cpu) = (ContinuousClock.now, clock())
        var offset = 0
        while offset < size {
            let start = offset
            offset = try await one.onLoop { network in
                var offset = start
                while offset < size, let slice = file.getSlice(at: offset, length: min(256 << 10, size - offset)),
                    network.sendBulk(slice, to: NodeNumber(2))
                { offset += slice.readableBytes }
                return offset
            }
            if offset < size { await Task.yield() }
        }
        try await two.delegate.wait { $0.bulkBytes == size }
        let time = ContinuousClock.now - begin
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        let link = try #require(try await one.onLoop { $0.linkState(of: NodeNumber(2)) })
        let ratio = Double(link.bulk.rawBytes) / Double(link.bulk.wireBytes)
        print(
            "\(compressed ? "zstd level \(link.compressionLevel ?? 0)" : "as it is"): \(Int(Double(size) / seconds / 1e6)) MB/s,",
            "\((ratio * 100).rounded() / 100) bytes for one on the wire,",
            "\(Int(Double(clock() - cpu) / Double(CLOCKS_PER_SEC) / Double(size) * 1e15)) ps of processor a byte, both sides"
        )
        try await one.close()
        try await two.close()
    }
}
