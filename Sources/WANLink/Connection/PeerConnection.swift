import ClusterCore
import NIOCore

/// One TCP connection between two nodes: frames, handshake, keepalive, counters. It knows nothing of what the payloads
/// mean and nothing of dialling again.
///
/// All state is confined to the channel's event loop.
final class PeerConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Side { case dialled, accepted }

    private enum State {
        /// Dialled: the hello is out. Accepted: it has not come yet.
        case greeting
        case established
        /// Nothing is read or sent any more; `reason` is what the owner is told.
        case closing(reason: String)
        case closed
    }

    let side: Side
    let limits: Limits
    /// Dialled: what was or will be sent. Accepted: what came; nil before.
    private(set) var hello: PeerHello?
    private(set) var welcome: Welcome?
    /// Dialled: the other side's reason, when it refused.
    private(set) var refusal: String?
    private(set) var establishedAt: NIODeadline?
    private(set) var roundTrip: RoundTrip?
    /// The congestion control in effect; nil where there is none.
    private(set) var congestion: Congestion?
    private(set) var bytesIn: UInt64 = 0
    private(set) var bytesOut: UInt64 = 0
    private(set) var remoteAddress = "unknown"
    /// nil without TLS.
    var secured: SecuredChannel?

    private weak var owner: (any PeerConnectionOwner)?
    private var state = State.greeting
    private var decoder = FrameDecoder(frameBytesMax: PeerHello.byteCountMax)
    private var keepalive = Keepalive()
    private var ticker: Scheduled<Void>?
    private var lastTick: (takenBytes: UInt64, wasFull: Bool) = (0, false)
    /// Bounds the handshake and the last frame: neither may take longer than the timeout.
    private var ticksOutsideConversation = 0
    private var context: ChannelHandlerContext?
    /// Reused for headers and small frames: once the socket has taken it, it is ours alone again.
    private var scratch = ByteBuffer()
    /// Bytes of the connection's kind wait in one buffer with their header up to this size, above it as parts of a
    /// writev.
    private static let coalescedBytesMax = 4_096

    init(dialling hello: PeerHello, limits: Limits, owner: any PeerConnectionOwner) {
        self.side = .dialled
        self.hello = hello
        self.limits = limits
        self.owner = owner
    }

    init(acceptedBy owner: any PeerConnectionOwner, limits: Limits) {
        self.side = .accepted
        self.limits = limits
        self.owner = owner
    }

    var isEstablished: Bool {
        switch state {
        case .established: true
        case .greeting, .closing, .closed: false
        }
    }

    /// Completes when the channel is closed; nil when there is none.
    var closeFuture: EventLoopFuture<Void>? { context?.channel.closeFuture }

    /// Whether less than half the queue's bound is unsent.
    var isWritable: Bool { isEstablished && (context?.channel.isWritable ?? false) }

    var unsentBytes: Int { context?.channel.unsentBytes ?? 0 }

    /// How many bytes may be handed over until the queue's bound is reached.
    var capacity: Int {
        guard isEstablished, let hello else { return 0 }
        return max(0, limits.queueBytesMax(hello.purpose) - unsentBytes)
    }

    /// Whether the channel reads by itself, as all do but tunnels that are held up.
    private var isChannelReading: Bool {
        do { return try context?.channel.syncOptions?.getOption(.autoRead) ?? true } catch { return true }
    }

    /// Stops and starts reading, for what flows through a tunnel.
    func setReading(_ reads: Bool) { context?.channel.setReading(reads) }
    func readTunnelPieces() { context?.channel.readTunnelPieces() }

    // MARK: Sending

    /// Sends one frame at once. Header and parts go out in one `writev`, large parts uncopied.
    func send(_ type: FrameType, _ parts: [ByteBuffer]) {
        guard isEstablished, let context else { return }
        write(type, parts, context: context)
        context.flush()
    }

    /// Tells the other side why, then closes.
    func refuse(_ reason: String) {
        guard let context else { return }
        switch state {
        case .greeting, .established: break
        case .closing, .closed: return
        }
        write(.refusal, [ByteBuffer(string: String(reason.prefix(1_024)))], context: context)
        finishAndClose(reason: "refused it: \(reason)", context: context)
    }

    /// Sends a last frame, then closes.
    func sendLast(_ type: FrameType, _ payload: ByteBuffer, reason: String) {
        guard isEstablished, let context else { return }
        write(type, [payload], context: context)
        finishAndClose(reason: reason, context: context)
    }

    /// Closes at once; what is unsent is lost. The owner is told `reason`, later or before this returns.
    func close(reason: String) {
        switch state {
        case .greeting, .established: state = .closing(reason: reason)
        case .closing, .closed: break
        }
        guard let context else { return }
        if let secured { secured.closeAtOnce(context.channel) } else { context.close(promise: nil) }
    }

    /// Closes without another word to the owner.
    func abandon() {
        owner = nil
        close(reason: "no longer wanted")
    }

    private func finishAndClose(reason: String, context: ChannelHandlerContext) {
        state = .closing(reason: reason)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in channel.close(promise: nil) }
    }

    private func write(_ type: FrameType, _ parts: [ByteBuffer], context: ChannelHandlerContext) {
        let payloadBytes = parts.reduce(0) { $0 + $1.readableBytes }
        bytesOut += UInt64(FrameHeader.byteCount + payloadBytes)
        scratch.clear()
        FrameHeader.write(type: type, parts: parts, to: &scratch)
        if payloadBytes <= PeerConnection.coalescedBytesMax {
            for part in parts { scratch.writeImmutableBuffer(part) }
            context.write(wrapOutboundOut(scratch), promise: nil)
            return
        }
        context.write(wrapOutboundOut(scratch), promise: nil)
        for part in parts where part.readableBytes > 0 { context.write(wrapOutboundOut(part), promise: nil) }
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { activate(context: context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        ticker?.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
        activate(context: context)
        context.fireChannelActive()
    }

    private func activate(context: ChannelHandlerContext) {
        guard ticker == nil else { return }
        remoteAddress = context.channel.remoteAddress?.hostAndPort ?? "unknown"
        armTicker(context: context)
        congestion = SocketTuning.tune(context.channel, limits, sendsBulk: hello?.purpose == .bulk)
        guard side == .dialled, let hello else { return }
        var payload = context.channel.allocator.buffer(capacity: 256)
        hello.write(to: &payload)
        write(.hello, [payload], context: context)
        context.flush()
    }

    private func armTicker(context: ChannelHandlerContext) {
        let interval = Keepalive.interval(timeout: limits.timeout)
        ticker = context.eventLoop.assumeIsolated().scheduleTask(in: interval) { [weak self] in
            guard let self, let context = self.context else { return }
            self.armTicker(context: context)
            self.tick(context: context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        keepalive.heard()
        bytesIn += UInt64(bytes.readableBytes)
        guard isReading else { return }
        decoder.append(bytes)
        do throws(FrameError) {
            while isReading, let frame = try decoder.next() { receive(frame, context: context) }
        } catch {
            fail(error.description)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if isWritable { owner?.connectionWritable(self) }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        ticker?.cancel()
        let reason =
            switch state {
            case .closing(let reason): reason
            case .greeting: "the other side closed it before the handshake was done"
            case .established, .closed: "the other side closed it"
            }
        state = .closed
        owner?.connectionClosed(self, reason: reason)
        owner = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let secured else { return fail("\(error)") }
        if let reason = secured.explain(error) { fail(reason) }
    }

    // MARK: Conversation

    private var isReading: Bool {
        switch state {
        case .greeting, .established: true
        case .closing, .closed: false
        }
    }

    private func fail(_ reason: String) { close(reason: reason) }

    private func tick(context: ChannelHandlerContext) {
        switch state {
        case .greeting, .closing:
            ticksOutsideConversation += 1
            guard ticksOutsideConversation >= Keepalive.ticksPerTimeout else { return }
            close(reason: "no handshake within \(limits.timeout.nanoseconds / 1_000_000) ms")
        case .established:
            // What is not read can't be heard either: the one who does not read bounds that.
            if takesBulk() || !isChannelReading { keepalive.heard() }
            switch keepalive.tick() {
            case .dead: fail("silent for \(limits.timeout.nanoseconds / 1_000_000) ms")
            case .ping: ping(context: context)
            }
        case .closed: break
        }
    }

    private func ping(context: ChannelHandlerContext) {
        // While the other side of a tunnel does not read, pings would pile up; it does not wait for them either.
        if hello?.purpose == .tunnel, unsentBytes > 0 { return }
        write(.ping, [ByteBuffer(integer: NIODeadline.now().uptimeNanoseconds)], context: context)
        context.flush()
    }

    /// Whether a full socket has taken more since the last tick, which means that the other side acknowledged something.
    /// On a thin line a pong waits behind the bulk for longer than the timeout; this does not.
    private func takesBulk() -> Bool {
        let unsent = UInt64(unsentBytes)
        let taken = bytesOut - min(bytesOut, unsent)
        defer { lastTick = (taken, unsent > 0) }
        return lastTick.wasFull && taken > lastTick.takenBytes
    }

    private func receive(_ frame: Frame, context: ChannelHandlerContext) {
        switch (frame.type, side, isEstablished) {
        case (.hello, .accepted, false): greet(frame.payload, context: context)
        case (.welcome, .dialled, false): enter(frame.payload)
        case (.refusal, .dialled, _):
            let reason = String(buffer: frame.payload).printable
            refusal = reason
            fail(HandshakeError.refused(reason).description)
        case (.ping, _, true) where frame.payload.readableBytes == 8:
            write(.pong, [frame.payload], context: context)
            context.flush()
        case (.pong, _, true) where frame.payload.readableBytes == 8: ponged(frame.payload)
        case (.control, .accepted, true) where hello?.purpose == .control,
            (.credit, .dialled, true) where hello?.purpose == .bulk,
            (.bulk, .accepted, true) where hello?.purpose == .bulk,
            (.request, .accepted, true) where hello?.purpose == .request,
            (.response, .dialled, true) where hello?.purpose == .request,
            (.opened, .dialled, true) where hello?.purpose == .tunnel,
            (.data, _, true) where hello?.purpose == .tunnel:
            owner?.connection(self, received: frame)
        case (.hello, _, _), (.welcome, _, _), (.refusal, _, _), (.ping, _, _), (.pong, _, _), (.control, _, _),
            (.bulk, _, _), (.request, _, _), (.response, _, _), (.credit, _, _), (.opened, _, _), (.data, _, _):
            fail(HandshakeError.unexpected(frame.type).description)
        }
    }

    private func greet(_ payload: ByteBuffer, context: ChannelHandlerContext) {
        var payload = payload
        do throws(HandshakeError) {
            var hello = try PeerHello(from: &payload)
            hello.remoteAddress = remoteAddress
            hello.certificate = secured?.peer
            self.hello = hello
            switch owner?.connection(self, judge: hello) ?? .refusal("this node is shutting down") {
            case .refusal(let reason): refuse(reason)
            case .welcome(let welcome):
                var answer = context.channel.allocator.buffer(capacity: 256)
                welcome.write(to: &answer)
                write(.welcome, [answer], context: context)
                context.flush()
                establish(welcome, purpose: hello.purpose)
            }
        } catch {
            refuse(error.description)
        }
    }

    private func enter(_ payload: ByteBuffer) {
        var payload = payload
        do throws(HandshakeError) {
            let welcome = try Welcome(from: &payload)
            if let objection = owner?.connection(self, judge: welcome) {
                return fail("not the right node: \(objection)")
            }
            if let purpose = hello?.purpose { establish(welcome, purpose: purpose) }
        } catch {
            fail(error.description)
        }
    }

    private func establish(_ welcome: Welcome, purpose: ConnectionPurpose) {
        guard isReading, let context else { return }
        self.welcome = welcome
        let isStranger = secured != nil && secured?.peer == nil
        decoder.frameBytesMax = isStranger ? PeerHello.byteCountMax : limits.frameBytesMax(purpose)
        establishedAt = .now()
        state = .established
        context.channel.setMark(at: max(1, limits.queueBytesMax(purpose) / 2))
        // How far the peer is decides how it is sent to: that is asked at once.
        if side == .dialled, purpose == .control { ping(context: context) }
        owner?.connectionEstablished(self)
    }

    private func ponged(_ payload: ByteBuffer) {
        guard let sent = payload.getInteger(at: payload.readerIndex, as: UInt64.self) else { return }
        let now = NIODeadline.now().uptimeNanoseconds
        guard sent <= now else { return fail("a pong that nobody asked for") }
        roundTrip = RoundTrip(previous: roundTrip, sampleNanoseconds: now - sent)
    }
}
