import NIOCore
import NIOPosix

@testable import WANLink

/// A bare TCP connection to a peer listener, for bytes that no well-behaved node sends.
struct RawPeer {
    let channel: any Channel

    static func connect(to node: TestNode) async throws -> RawPeer {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton.next())
            .connect(host: "127.0.0.1", port: node.network.localPort).get()
        return RawPeer(channel: channel)
    }

    func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes).get() }
    func send(_ type: FrameType, _ payload: ByteBuffer) async throws {
        try await send(FrameDecoderTests.bytes(type, [payload]))
    }

    /// Returns once the other side has closed the connection.
    func waitUntilClosed() async throws { try await channel.closeFuture.get() }
}
