import NIOCore

/// Notices that a request's client hangs up, also while nothing is read from it or sent to it.
enum ClientPresence {
    /// Calls `leave` once, on the channel's loop, when the client has closed its side. To be ended with ``end(_:_:)``.
    static func watch(_ channel: any Channel, leave: @escaping @Sendable () -> Void) -> Watch {
        let watch = Watch(leave: leave)
        channel.eventLoop.execute {
            guard channel.isActive else { return leave() }
            do {
                // First in the pipeline: those behind it may hold events back while an answer is under way.
                try channel.pipeline.syncOperations.addHandler(watch.handler.value, position: .first)
            } catch {
                leave()
            }
        }
        return watch
    }

    final class Watch: Sendable {
        fileprivate let handler: NIOLoopBoundHandler

        fileprivate init(leave: @escaping @Sendable () -> Void) { handler = NIOLoopBoundHandler(Handler(leave)) }

        func end(_ channel: any Channel) {
            channel.eventLoop.execute { [handler] in
                let handler = handler.value
                handler.leave = nil
                channel.pipeline.syncOperations.removeHandler(handler, promise: nil)
            }
        }
    }

    /// Unchecked: its value is touched on the channel's loop only.
    fileprivate final class NIOLoopBoundHandler: @unchecked Sendable {
        let value: Handler
        init(_ value: Handler) { self.value = value }
    }

    fileprivate final class Handler: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = NIOAny
        typealias InboundOut = NIOAny

        var leave: (@Sendable () -> Void)?

        init(_ leave: @escaping @Sendable () -> Void) { self.leave = leave }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? ChannelEvent, event == .inputClosed { tell() }
            context.fireUserInboundEventTriggered(event)
        }

        func channelInactive(context: ChannelHandlerContext) {
            tell()
            context.fireChannelInactive()
        }

        private func tell() {
            let leave = leave
            self.leave = nil
            leave?()
        }
    }
}
