import Glibc
import NIOCore
import NIOPosix

/// One relayed connection: two channels and what is on the way between them. On the loop only.
final class TCPRelayConnection: @unchecked Sendable {
    private let inbound: any Channel
    private let outbound: any Channel
    private let state: TCPRelay.State
    private var pipes: [Pipe] = []
    /// Reset, at one end or both: nothing is passed on any more, no end either.
    private var isReset = false
    /// Until it is reset; nil: for good.
    private var bytesLeft: [Int]?

    init(inbound: any Channel, outbound: any Channel, state: TCPRelay.State) throws {
        self.inbound = inbound
        self.outbound = outbound
        self.state = state
        bytesLeft = state.lifetimeBytes.map { Array(repeating: $0, count: LineDirection.allCases.count) }
        for (direction, source, sink) in [(LineDirection.outward, inbound, outbound), (.inward, outbound, inbound)] {
            let pipe = Pipe(direction, from: source, to: sink, connection: self, state: state)
            try source.pipeline.syncOperations.addHandler(Pipe.Intake(pipe))
            pipes.append(pipe)
        }
        goOn()
    }

    /// After a change of the line.
    func goOn() { for pipe in pipes { pipe.goOn() } }

    func reset(inbound closesInbound: Bool, outbound closesOutbound: Bool) {
        isReset = true
        if closesOutbound { Self.reset(outbound) }
        if closesInbound { Self.reset(inbound) }
        goOn()
    }

    /// Counts bytes against the connection's lifetime.
    ///
    /// - Returns: how many of them are still passed on.
    fileprivate func admit(_ bytes: Int, _ direction: LineDirection) -> Int {
        guard let left = bytesLeft?[direction.rawValue] else { return bytes }
        bytesLeft?[direction.rawValue] = max(0, left - bytes)
        return min(left, bytes)
    }

    /// The last byte of its lifetime is out.
    fileprivate func delivered(_ direction: LineDirection) {
        guard !isReset, bytesLeft?[direction.rawValue] == 0 else { return }
        state.shortLived += 1
        reset(inbound: true, outbound: true)
    }

    /// Closes with a reset instead of an orderly end.
    static func reset(_ channel: any Channel) {
        guard let options = channel as? any SocketOptionProvider else { return channel.close(promise: nil) }
        options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
    }

    fileprivate func sourceEnded() {
        guard !inbound.isActive && !outbound.isActive else { return }
        pipes = []
        state.ended(self)
    }

    /// One direction of one connection.
    final class Pipe: @unchecked Sendable {
        /// Beyond the bottleneck's queue, for lines without a rate.
        private static let bytesOnTheWayMax = 16 << 20
        private let direction: LineDirection
        private let source: any Channel
        private let sink: any Channel
        private let connection: TCPRelayConnection
        private let state: TCPRelay.State
        private var onTheWay: CircularBuffer<(due: UInt64, bytes: ByteBuffer)> = []
        private var bytesOnTheWay = 0
        private var isReading = false
        private var sourceHasEnded = false
        private var timer: Scheduled<Void>?

        init(
            _ direction: LineDirection, from source: any Channel, to sink: any Channel,
            connection: TCPRelayConnection, state: TCPRelay.State
        ) {
            self.direction = direction
            self.source = source
            self.sink = sink
            self.connection = connection
            self.state = state
        }

        /// Delivers what is due, reads when there is room, and comes back when something changes.
        func goOn() {
            timer?.cancel()
            timer = nil
            guard !state.line(direction).swallows else { return }
            let now = PacketRelay.now
            if connection.isReset {
                onTheWay.removeAll()
                bytesOnTheWay = 0
            }
            var wrote = false
            while let first = onTheWay.first, first.due <= now, sink.isWritable {
                onTheWay.removeFirst()
                bytesOnTheWay -= first.bytes.readableBytes
                state.delivered(first.bytes.readableBytes, direction)
                sink.write(first.bytes, promise: nil)
                wrote = true
            }
            if wrote { sink.flush() }
            if onTheWay.isEmpty { connection.delivered(direction) }
            if sourceHasEnded {
                if onTheWay.isEmpty && !connection.isReset { sink.close(promise: nil) }
            } else if source.isActive, !isReading, bytesOnTheWay < Self.bytesOnTheWayMax,
                state.hasRoom(direction, now: now)
            {
                isReading = true
                source.read()
            }
            wakeUp(now)
        }

        private func wakeUp(_ now: UInt64) {
            var wait: UInt64?
            if let first = onTheWay.first { wait = first.due > now ? first.due - now : 1_000_000 }
            // The bottleneck's queue is full: look again soon.
            let isHeldBack = source.isActive && !isReading && !sourceHasEnded
            if isHeldBack { wait = min(wait ?? .max, 1_000_000) }
            guard let wait else { return }
            timer = source.eventLoop.scheduleTask(in: .nanoseconds(Int64(wait))) { [weak self] in self?.goOn() }
        }

        fileprivate func took(_ bytes: ByteBuffer) {
            guard !connection.isReset else { return }
            let admitted = connection.admit(bytes.readableBytes, direction)
            guard let bytes = bytes.getSlice(at: bytes.readerIndex, length: admitted), admitted > 0 else { return }
            let due = state.offer(bytes.readableBytes, direction, now: PacketRelay.now)
            onTheWay.append((due, bytes))
            bytesOnTheWay += bytes.readableBytes
        }

        fileprivate func readIsDone() {
            isReading = false
            goOn()
        }

        fileprivate func ended() {
            sourceHasEnded = true
            goOn()
            connection.sourceEnded()
        }

        final class Intake: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            private let pipe: Pipe
            init(_ pipe: Pipe) { self.pipe = pipe }

            func channelActive(context: ChannelHandlerContext) { pipe.goOn() }
            func channelRead(context: ChannelHandlerContext, data: NIOAny) { pipe.took(unwrapInboundIn(data)) }
            func channelReadComplete(context: ChannelHandlerContext) { pipe.readIsDone() }
            func channelInactive(context: ChannelHandlerContext) { pipe.ended() }
            func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
        }
    }
}
