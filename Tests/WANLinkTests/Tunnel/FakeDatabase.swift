import ClusterCore
import NIOCore
import NIOPosix

@testable import WANLink

/// Something on loopback that greets, and gives back what it gets.
final class FakeDatabase: Sendable {
    /// As the server has them: how many came, how many are there, and what they brought.
    struct Counts {
        var accepted = 0
        var open = 0
        var bytesIn = 0
        var bytesOut = 0
    }
    enum Manner { case echoes, neverReads, talksWithoutEnd }

    static let greeting = "hello from the database"
    let counts = Observed(Counts())
    let port: Int
    private let server: any Channel

    private init(_ server: any Channel) {
        self.server = server
        port = server.localAddress?.port ?? 0
    }

    var address: PeerAddress { PeerAddress(host: "127.0.0.1", port: port) }

    static func start(_ manner: Manner = .echoes) async throws -> FakeDatabase {
        let holder = Observed<FakeDatabase?>(nil)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: manner != .neverReads)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Session(manner, holder))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let database = FakeDatabase(server)
        holder.change { $0 = database }
        return database
    }

    func close() async throws { try await server.close() }

    private final class Session: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let manner: Manner
        private let holder: Observed<FakeDatabase?>

        init(_ manner: Manner, _ holder: Observed<FakeDatabase?>) {
            self.manner = manner
            self.holder = holder
        }

        private func count(_ change: (inout Counts) -> Void) { holder.value?.counts.change(change) }

        func channelActive(context: ChannelHandlerContext) {
            count {
                $0.accepted += 1
                $0.open += 1
            }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: FakeDatabase.greeting)), promise: nil)
            if manner == .talksWithoutEnd { talk(context) }
        }

        func channelInactive(context: ChannelHandlerContext) { count { $0.open -= 1 } }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            count { $0.bytesIn += bytes.readableBytes }
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) {
            if manner == .talksWithoutEnd { talk(context) }
        }

        private func talk(_ context: ChannelHandlerContext) {
            let piece = ByteBuffer(repeating: 7, count: 32 << 10)
            while context.channel.isActive, context.channel.isWritable {
                count { $0.bytesOut += piece.readableBytes }
                context.writeAndFlush(wrapOutboundOut(piece), promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// The client's end of a tunnel.
final class TunnelClient: Sendable {
    struct Notes {
        var text = ""
        var bytesIn = 0
        var seen: String?
        var isClosed = false
        var error: String?
    }

    let notes = Observed(Notes())
    let channel: any Channel

    init(from node: TestNode, to peer: UInt16) async throws {
        let notes = notes
        channel = try await node.network.openTunnel(
            to: .init(peer), on: MultiThreadedEventLoopGroup.singleton.next()
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Handler(notes))
            }
        } opened: { _, seen in
            notes.change { $0.seen = seen }
        }.get()
    }

    func send(_ bytes: ByteBuffer) { channel.writeAndFlush(bytes, promise: nil) }
    /// With TLS the other side may have gone first, and without a goodbye.
    func close() async throws {
        channel.close(promise: nil)
        try await channel.closeFuture.get()
    }

    func setReading(_ reads: Bool) async throws { try await channel.setOption(.autoRead, value: reads).get() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let notes: Observed<Notes>
        init(_ notes: Observed<Notes>) { self.notes = notes }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            notes.change {
                if $0.text.utf8.count < 1_000 { $0.text += String(buffer: bytes).prefix(1_000) }
                $0.bytesIn += bytes.readableBytes
            }
        }
        func channelInactive(context: ChannelHandlerContext) { notes.change { $0.isClosed = true } }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { notes.change { $0.error = "\(error)" } }
    }
}
