import NIOCore

/// Keeps a handler from being called while it sends.
///
/// When a write fails, SwiftNIO reads what the socket still holds and closes it, within the call of `flush`: the handler
/// that flushed, and all above it, would be entered a second time in the midst of their work. What comes so is handed on
/// afterwards, in order, the end of the channel included.
public final class ReadsBetweenFlushes: ChannelDuplexHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = ByteBuffer
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    private enum Event {
        case read(NIOAny)
        case readComplete
        case failure(any Error)
        case inactive
    }

    /// A flush may bring about another one.
    private var flushes = 0
    private var isReleasing = false
    /// An empty `CircularBuffer` would take half a kilobyte on every connection, for what hardly ever happens.
    private var held: [Event] = []

    public init() {}

    public func flush(context: ChannelHandlerContext) {
        flushes += 1
        context.flush()
        flushes -= 1
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isOpen { context.fireChannelRead(data) } else { hold(.read(data), context) }
    }

    public func channelReadComplete(context: ChannelHandlerContext) {
        if isOpen { context.fireChannelReadComplete() } else { hold(.readComplete, context) }
    }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) { handOn(.failure(error), context) }

    public func channelInactive(context: ChannelHandlerContext) { handOn(.inactive, context) }

    /// Whether what comes may be handed on as it comes.
    private var isOpen: Bool { flushes == 0 && !isReleasing && held.isEmpty }

    private func handOn(_ event: Event, _ context: ChannelHandlerContext) {
        if isOpen { fire(event, context) } else { hold(event, context) }
    }

    private func hold(_ event: Event, _ context: ChannelHandlerContext) {
        held.append(event)
        guard held.count == 1, !isReleasing else { return }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute { bound.value.0.release(bound.value.1) }
    }

    private func release(_ context: ChannelHandlerContext) {
        guard !isReleasing else { return }
        isReleasing = true
        // More may come to it meanwhile.
        var next = 0
        while next < held.count {
            let event = held[next]
            next += 1
            fire(event, context)
        }
        held = []
        isReleasing = false
    }

    private func fire(_ event: Event, _ context: ChannelHandlerContext) {
        switch event {
        case .read(let data): context.fireChannelRead(data)
        case .readComplete: context.fireChannelReadComplete()
        case .failure(let error): context.fireErrorCaught(error)
        case .inactive: context.fireChannelInactive()
        }
    }
}
