import Channels
import ClusterCore
import NIOCore
import NIOPosix

/// One tunnel on the side of the client: a channel handler that makes a member's line look like a connection to that member's
/// database to the handlers behind it.
///
/// All state is confined to the channel's event loop.
final class DialledTunnel: ChannelDuplexHandler, PeerConnectionOwner {
    typealias InboundIn = Never
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = Never

    private enum State { case greeting, open, over }

    private let route: TunnelRoute
    private let opened: (any Channel, String) -> Void
    private let promise: EventLoopPromise<any Channel>
    private var state = State.greeting
    private var line: PeerConnection?
    private var context: ChannelHandlerContext?
    private var unflushed: [ByteBuffer] = []
    private var unflushedBytes = 0

    init(_ route: TunnelRoute, promise: EventLoopPromise<any Channel>, opened: @escaping (any Channel, String) -> Void)
    {
        self.route = route
        self.promise = promise
        self.opened = opened
    }

    /// - Parameter initializer: adds the handlers that talk to the database.
    func start(on eventLoop: any EventLoop, initializer: @escaping (any Channel) -> EventLoopFuture<Void>) {
        let line = PeerConnection(dialling: route.hello, limits: route.limits, owner: self)
        self.line = line
        Outbound.connect(
            line, to: route.address, on: eventLoop, timeout: min(TunnelLimits.connectTimeout, route.limits.timeout),
            protect: route.security?.protect(dialled:for:),
            extend: { [self] channel in
                try channel.pipeline.syncOperations.addHandler(self)
                initializer(channel).whenFailure { _ in channel.close(promise: nil) }
            },
            failed: { [self] reason in fail(reason) })
    }

    private func fail(_ reason: String) {
        guard state != .over else { return }
        let wasOpen = state == .open
        state = .over
        unflushed = []
        guard wasOpen else { return promise.fail(PeerNetworkError(.cannotConnect, reason)) }
        context?.fireErrorCaught(PeerNetworkError(.connectionLost, reason))
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        line = nil
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = unwrapOutboundIn(data)
        unflushedBytes += bytes.readableBytes
        unflushed.append(bytes)
        promise?.succeed()
        if state == .greeting, unflushedBytes > TunnelLimits.frameBytesMax {
            line?.close(reason: "too much was said before the tunnel was open")
        } else if state == .open, unflushedBytes >= TunnelLimits.frameBytesMax {
            send()
        }
    }

    func flush(context: ChannelHandlerContext) { if state == .open { send() } }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // Of a goodbye nothing is lost that the socket takes.
        if state == .open { send() }
        context.close(mode: mode, promise: promise)
    }

    private func send() {
        let parts = unflushed
        unflushed = []
        unflushedBytes = 0
        var frame: [ByteBuffer] = []
        var frameBytes = 0
        for var part in parts {
            while part.readableBytes > 0 {
                let room = TunnelLimits.frameBytesMax - frameBytes
                guard let piece = part.readSlice(length: min(room, part.readableBytes)) else { break }
                frame.append(piece)
                frameBytes += piece.readableBytes
                guard frameBytes == TunnelLimits.frameBytesMax else { continue }
                line?.send(.data, frame)
                (frame, frameBytes) = ([], 0)
            }
        }
        if frameBytes > 0 { line?.send(.data, frame) }
    }

    // MARK: PeerConnectionOwner

    func connection(_ connection: PeerConnection, judge hello: PeerHello) -> Introduction.Verdict {
        .refusal("this side dialled")
    }

    func connection(_ connection: PeerConnection, judge welcome: Welcome) -> String? {
        guard welcome.features.contains(.tunnels) else { return "its release knows no tunnels; upgrade it" }
        guard let secured = connection.secured else { return nil }
        return CertificateCheck.objection(to: welcome, certificate: secured.peer, wanted: route.wantedID)
    }

    /// A peer's line has larger buffers than thousands of sessions could have.
    func connectionEstablished(_ connection: PeerConnection) { connection.readTunnelPieces() }

    func connection(_ connection: PeerConnection, received frame: Frame) {
        guard let context else { return }
        switch (state, frame.type) {
        case (.greeting, .opened):
            state = .open
            opened(context.channel, String(buffer: frame.payload))
            promise.succeed(context.channel)
            send()
        case (.open, .data):
            if frame.payload.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(frame.payload)) }
        case (.greeting, _), (.open, _): connection.close(reason: "a \(frame.type) frame where none may come")
        case (.over, _): break
        }
    }

    func connectionWritable(_ connection: PeerConnection) {}

    func connectionClosed(_ connection: PeerConnection, reason: String) { fail(connection.refusal ?? reason) }
}
