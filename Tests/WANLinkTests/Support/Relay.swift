import NIOCore
import NIOPosix

/// A TCP relay to one port on loopback that can stop forwarding without closing: a black-holed line.
///
/// All state is confined to its loop.
final class Relay: @unchecked Sendable {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let target: Int
    private var server: (any Channel)?
    private var channels: [any Channel] = []
    private var pairs: [Pair] = []
    private var isFrozen = false

    private init(to target: Int) { self.target = target }

    static func start(to target: Int) async throws -> Relay {
        let relay = Relay(to: target)
        let server = try await ServerBootstrap(group: relay.loop, childGroup: relay.loop)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { relay.pair($0) }
            .bind(host: "127.0.0.1", port: 0).get()
        try await relay.loop.submit { relay.server = server }.get()
        return relay
    }

    var address: String { get async throws { "127.0.0.1:\(try await loop.submit { self.port }.get())" } }
    private var port: Int { server?.localAddress?.port ?? 0 }

    func setFrozen(_ frozen: Bool) async throws {
        try await loop.submit {
            self.isFrozen = frozen
            for channel in self.channels { channel.setOption(.autoRead, value: !frozen).whenFailure { _ in } }
        }.get()
    }

    /// Ends connections at once, whatever is on its way: all of them, or one.
    func cut(_ index: Int? = nil) async throws {
        try await loop.submit {
            let open = self.pairs.filter { $0.inbound.isActive }
            self.pairs = open
            guard let index else { return open.forEach { $0.close() } }
            if !open.isEmpty { open[index % open.count].close() }
        }.get()
    }

    /// Stops forwarding on one connection, or goes on with all of them.
    func stall(_ index: Int?) async throws {
        try await loop.submit {
            let open = self.pairs.filter { $0.inbound.isActive }
            for (number, pair) in open.enumerated() {
                let isStalled = index.map { number == $0 % open.count } ?? false
                for channel in [pair.inbound, pair.outbound] {
                    channel.setOption(.autoRead, value: !isStalled).whenFailure { _ in }
                }
            }
        }.get()
    }

    private struct Pair {
        let inbound: any Channel
        let outbound: any Channel

        func close() {
            inbound.close(promise: nil)
            outbound.close(promise: nil)
        }
    }

    func close() async throws {
        try await loop.flatSubmit {
            for channel in self.channels { channel.close(promise: nil) }
            return self.server?.close() ?? self.loop.makeSucceededVoidFuture()
        }.get()
    }

    private func pair(_ inbound: any Channel) -> EventLoopFuture<Void> {
        ClientBootstrap(group: loop).channelOption(.autoRead, value: false)
            .connect(host: "127.0.0.1", port: target)
            .flatMapThrowing { outbound in
                try inbound.pipeline.syncOperations.addHandler(Forwarder(to: outbound, relay: self))
                try outbound.pipeline.syncOperations.addHandler(Forwarder(to: inbound, relay: self))
                self.channels += [inbound, outbound]
                self.pairs.append(Pair(inbound: inbound, outbound: outbound))
                guard !self.isFrozen else { return }
                for channel in [inbound, outbound] { channel.setOption(.autoRead, value: true).whenFailure { _ in } }
            }
    }

    private final class Forwarder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let other: any Channel

        private let relay: Relay

        init(to other: any Channel, relay: Relay) {
            self.other = other
            self.relay = relay
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            other.writeAndFlush(unwrapInboundIn(data), promise: nil)
        }
        /// A frozen relay does not pass the end of a connection on either.
        func channelInactive(context: ChannelHandlerContext) { if !relay.isFrozen { other.close(promise: nil) } }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
