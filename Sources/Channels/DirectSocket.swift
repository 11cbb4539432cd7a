import Glibc
import NIOCore

/// The way by SwiftNIO's queues and its event loop's next turn takes more of the processor than all else that a proxy does with a
/// small packet: this hands what is flushed to the socket at once, in one call, and ``receive()`` takes what has come.
///
/// Only what the socket does not take goes into the queue of pending writes, and what is written behind it until that is empty
/// again. Reading is SwiftNIO's as long as nobody calls ``receive()``; waiting for the socket, water marks, `isWritable`, the end of the
/// stream and errors always are.
///
/// Must be the handler nearest to the socket: whatever changes bytes (TLS) comes after it, by ``addNearestToSocket(_:to:)``. On a channel
/// that is no socket it passes everything on.
public final class DirectSocket: ChannelOutboundHandler {
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    private struct Write {
        var bytes: ByteBuffer
        var promise: EventLoopPromise<Void>?
    }

    /// Up to here several writes are copied together, to be one call.
    static let togetherBytesMax = 16 << 10
    /// More than this is left to SwiftNIO, whose buffers grow with what comes.
    static let receiveBytesMax = 4 << 10

    /// Good while the channel is active.
    private var socket: NIOBSDSocket.Handle?
    private var context: ChannelHandlerContext?
    /// Written since the last flush; hardly ever more than one.
    private var first: Write?
    private var others: [Write] = []
    /// Writes that SwiftNIO has and the socket not yet.
    private var queued = 0

    public init() {}

    /// The one of a channel; nil where there is none, as on a tunnel's end.
    public static func of(_ channel: any Channel) -> DirectSocket? {
        do { return try channel.pipeline.syncOperations.handler(type: DirectSocket.self) } catch { return nil }
    }

    /// Whether something has come can be asked here; nil when the channel is over, or no socket.
    public var descriptor: NIOBSDSocket.Handle? { context?.channel.isActive == true ? socket : nil }

    /// Adds a handler that changes what goes over the wire, on this side of which nothing may be sent.
    public static func addNearestToSocket(
        _ handler: some ChannelHandler, to pipeline: ChannelPipeline.SynchronousOperations
    ) throws {
        do { try pipeline.addHandler(handler, position: .after(pipeline.handler(type: DirectSocket.self))) } catch {
            guard case ChannelPipelineError.notFound = error else { throw error }
            try pipeline.addHandler(handler, position: .first)
        }
    }

    public func handlerAdded(context: ChannelHandlerContext) {
        socket = context.socket
        self.context = context
    }

    public func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        for write in [first].compactMap({ $0 }) + others { write.promise?.fail(ChannelError.ioOnClosedChannel) }
        first = nil
        others = []
    }

    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let write = Write(bytes: unwrapOutboundIn(data), promise: promise)
        if first == nil { first = write } else { others.append(write) }
    }

    public func flush(context: ChannelHandlerContext) {
        guard let socket, queued == 0, context.channel.isActive else { return queueAll(context) }
        guard let only = first else { return }
        if !others.isEmpty { return flushSeveral(to: socket, context) }
        first = nil
        send(only, to: socket, context)
    }

    private func flushSeveral(to socket: CInt, _ context: ChannelHandlerContext) {
        guard var together = first else { return }
        let bytes = others.reduce(together.bytes.readableBytes) { $0 + $1.bytes.readableBytes }
        guard bytes <= Self.togetherBytesMax, others.allSatisfy({ $0.promise == nil }), together.promise == nil else {
            return flushInTurn(to: socket, context)
        }
        for other in others { together.bytes.writeImmutableBuffer(other.bytes) }
        first = nil
        others.removeAll(keepingCapacity: true)
        send(together, to: socket, context)
    }

    private func flushInTurn(to socket: CInt, _ context: ChannelHandlerContext) {
        let writes = [first].compactMap { $0 } + others
        first = nil
        others = []
        let last = writes.lastIndex { $0.bytes.readableBytes > 0 } ?? 0
        // Whoever hears of a write may write more, which comes after these.
        var done: [EventLoopPromise<Void>] = []
        for (index, write) in writes.enumerated() {
            if queued > 0 {
                queue(write, context)
            } else if let rest = sent(write, to: socket, more: index < last) {
                queue(rest, context)
            } else if let promise = write.promise {
                done.append(promise)
            }
        }
        if queued > 0 { context.flush() }
        for promise in done { promise.succeed() }
    }

    private func send(_ write: Write, to socket: CInt, _ context: ChannelHandlerContext) {
        guard let rest = sent(write, to: socket, more: false) else {
            write.promise?.succeed()
            return
        }
        queue(rest, context)
        context.flush()
    }

    /// - Parameter more: whether more bytes come at once.
    /// - Returns: what the socket has not taken; all after an error, which SwiftNIO then meets, too, and ends the channel.
    private func sent(_ write: Write, to socket: CInt, more: Bool) -> Write? {
        let flags = CInt(MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0))
        let count = write.bytes.readableBytes
        var sent = 0
        if count > 0 {
            repeat {
                sent = write.bytes.withUnsafeReadableBytes { Glibc.send(socket, $0.baseAddress, $0.count, flags) }
            } while sent < 0 && errno == EINTR
        }
        guard sent < count else { return nil }
        var rest = write
        rest.bytes.moveReaderIndex(forwardBy: max(0, sent))
        return rest
    }

    /// Reads what the socket has, and hands it on as the channel would. Not while the channel is told not to read.
    ///
    /// Nothing happens when nothing has come, or much, or the end of the stream: that is for the event loop's next turn.
    public func receive() {
        guard let context, let socket = descriptor else { return }
        var available: CInt = 0
        guard ioctl(socket, UInt(FIONREAD), &available) == 0, 1...Self.receiveBytesMax ~= Int(available) else { return }
        var bytes = context.channel.allocator.buffer(capacity: Int(available))
        let count = bytes.withUnsafeMutableWritableBytes {
            recv(socket, $0.baseAddress, min($0.count, Self.receiveBytesMax), CInt(MSG_DONTWAIT))
        }
        guard count > 0 else { return }
        bytes.moveWriterIndex(forwardBy: count)
        context.fireChannelRead(NIOAny(bytes))
        context.fireChannelReadComplete()
    }

    private func queueAll(_ context: ChannelHandlerContext) {
        if let first { queue(first, context) }
        first = nil
        let rest = others
        others = []
        for write in rest { queue(write, context) }
        context.flush()
    }

    private func queue(_ write: Write, _ context: ChannelHandlerContext) {
        queued += 1
        let done = context.eventLoop.makePromise(of: Void.self)
        done.futureResult.assumeIsolated().whenComplete { [self] result in
            queued -= 1
            switch result {
            case .success: write.promise?.succeed()
            case .failure(let error): write.promise?.fail(error)
            }
        }
        context.write(wrapOutboundOut(write.bytes), promise: done)
    }
}

extension ChannelHandlerContext {
    /// The channel's socket, good while the channel is active; nil when it is none.
    public var socket: NIOBSDSocket.Handle? {
        do {
            return try pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
        } catch { return nil }  // closed already
    }
}
