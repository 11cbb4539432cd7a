import MariaDBWire
import NIOCore

/// Between the socket (or its TLS) and a session whose client asked for compression, from the end of its login on: the session sees packets
/// as of any other client.
///
/// What a client sent is uncompressed only as fast as the session takes it: while the channel does not read, compressed bytes wait as they
/// are.
final class CompressionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var decoder: CompressedFrameDecoder
    private var encoder: CompressedFrameEncoder
    private var numbers = FrameNumbers()
    /// Compressed, and not taken yet.
    private var received: ByteBuffer
    private var isDecoding = false
    /// There may be more in ``received`` than the session wanted.
    private var isPaused = false
    private var isBroken = false

    /// - Parameter rest: what the client has sent after its login, and nobody has looked at.
    init(tools: CompressionTools, rest: ByteBuffer) {
        decoder = CompressedFrameDecoder(tools: tools)
        encoder = CompressedFrameEncoder(tools: tools)
        received = rest
    }

    /// The session takes the next command: its answer is numbered from there.
    func commandBegins() { numbers.commandBegins() }

    // MARK: From the client

    func handlerAdded(context: ChannelHandlerContext) { if received.readableBytes > 0 { decode(context) } }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if received.readableBytes == 0 { received = bytes } else { received.writeBuffer(&bytes) }
        decode(context)
    }

    func read(context: ChannelHandlerContext) {
        if isPaused, !isDecoding {
            decode(context)
            context.fireChannelReadComplete()
        }
        if !isPaused { context.read() }
    }

    private func decode(_ context: ChannelHandlerContext) {
        guard !isDecoding, !isBroken else { return }
        isDecoding = true
        defer { isDecoding = false }
        isPaused = false
        do throws(CompressionError) {
            while !isBroken {
                guard isWanted(context) else {
                    isPaused = true
                    break
                }
                guard
                    let part = try decoder.next(
                        from: &received, numbers: &numbers, plainBytesMax: CompressedFraming.plainBytesPerFrame)
                else { break }
                context.fireChannelRead(wrapInboundOut(part))
            }
        } catch { refuse(error, context) }
        if received.readableBytes == 0 { received = ByteBuffer() } else { received.discardReadBytes() }
    }

    private func isWanted(_ context: ChannelHandlerContext) -> Bool {
        // A channel without the option reads always, a closed one never.
        do { return try context.channel.syncOptions?.getOption(.autoRead) ?? true } catch {
            return context.channel.isActive
        }
    }

    private func refuse(_ error: CompressionError, _ context: ChannelHandlerContext) {
        isBroken = true
        received = ByteBuffer()
        // In the midst of an answer no client would understand it.
        if encoder.isBetweenPackets {
            var payload = ByteBuffer()
            ServerError(code: error.code, sqlState: "08S01", message: error.message).write(to: &payload)
            var packet = ByteBuffer()
            packet.writePacket(payload, sequence: 1)
            write(context: context, data: wrapOutboundOut(packet), promise: nil)
            flush(context: context)
        }
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isBroken = true
        received = ByteBuffer()
        context.fireChannelInactive()
    }

    // MARK: To the client

    /// - Parameter promise: nobody asks for one here; it says that the bytes were taken.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        encoder.append(unwrapOutboundIn(data), &numbers) { context.write(wrapOutboundOut($0), promise: nil) }
        promise?.succeed()
    }

    func flush(context: ChannelHandlerContext) {
        encoder.flush(&numbers) { context.write(wrapOutboundOut($0), promise: nil) }
        context.flush()
    }
}
