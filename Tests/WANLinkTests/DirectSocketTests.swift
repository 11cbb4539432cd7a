import Channels
import ClusterCore
import Glibc
import NIOCore
import NIOEmbedded
import NIOPosix
import Testing

/// Bytes go straight to the socket, and by SwiftNIO where the socket does not take them.
@Suite(.serialized) struct DirectSocketTests {
    /// What arrives, and how often it may be read.
    private final class Sink: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        var received = ByteBuffer()
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            received.writeBuffer(&bytes)
        }
    }

    /// Counts what SwiftNIO's channel is asked to write.
    private final class Watch: ChannelDuplexHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundIn = ByteBuffer
        var writes = 0
        var writabilities: [Bool] = []
        var errors = 0
        var isOver = false
        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            writes += 1
            context.write(data, promise: promise)
        }
        func channelWritabilityChanged(context: ChannelHandlerContext) {
            writabilities.append(context.channel.isWritable)
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { errors += 1 }
        func channelInactive(context: ChannelHandlerContext) { isOver = true }
    }

    private struct Pair {
        var writer: any Channel
        var reader: any Channel
        var listener: any Channel
        let below: NIOLoopBound<Watch>
        let sink: NIOLoopBound<Sink>

        func close() async throws {
            for channel in [writer, reader, listener] {
                // Either end follows the other.
                do { try await channel.close() } catch ChannelError.alreadyClosed {}
            }
        }
    }

    /// Of their own: megabytes at a time would hold other suites' lines up.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// Both ends on one loop. The reader reads when it is told to.
    private func makePair() async throws -> Pair {
        let loop = Self.group.next()
        let accepted = loop.makePromise(of: (any Channel).self)
        let sink = try await loop.submit { NIOLoopBound(Sink(), eventLoop: loop) }.get()
        let below = try await loop.submit { NIOLoopBound(Watch(), eventLoop: loop) }.get()
        let listener = try await ServerBootstrap(group: loop)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                accepted.succeed(channel)
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(sink.value)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let writer = try await ClientBootstrap(group: loop)
            .channelOption(.writeBufferWaterMark, value: .init(low: 32 << 10, high: 64 << 10))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(below.value, DirectSocket())
                }
            }
            .connect(to: #require(listener.localAddress)).get()
        return Pair(
            writer: writer, reader: try await accepted.futureResult.get(), listener: listener, below: below, sink: sink)
    }

    @Test func whatTheSocketTakesPassesSwiftNIOBy() async throws {
        let pair = try await makePair()
        try await pair.reader.setOption(.autoRead, value: true).get()
        let written = try await pair.writer.eventLoop.flatSubmit {
            pair.writer.write(ByteBuffer(string: "one "), promise: nil)
            pair.writer.write(ByteBuffer(string: "two "), promise: nil)
            pair.writer.write(ByteBuffer(), promise: nil)
            return pair.writer.writeAndFlush(ByteBuffer(string: "three")).map { pair.below.value.writes }
        }.get()
        #expect(written == 0)
        try await eventually("all is there", pair) { pair.sink.value.received.readableBytes == 13 }
        let text = try await pair.reader.eventLoop.submit { String(buffer: pair.sink.value.received) }.get()
        #expect(text == "one two three")
        try await pair.close()
    }

    @Test func randomWritesAgainstARandomReaderArriveInOrder() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("random writes: seed \(seed)")
        var random = SplitMix64(seed: seed)
        let pair = try await makePair()
        // More than the sockets hold, and nobody reads yet.
        var expected = ByteBuffer(repeating: 1, count: 16 << 20)
        let stopper = expected
        try await pair.writer.eventLoop.submit { pair.writer.writeAndFlush(stopper, promise: nil) }.get()
        #expect(!pair.writer.isWritable)
        for _ in 0..<150 {
            let count = Int.random(in: 1...5, using: &random)
            let bytes = (0..<count).map { _ -> ByteBuffer in
                let size = [0, 1, 100, 5_000, 40_000, 300_000].randomElement(using: &random) ?? 1
                return ByteBuffer(repeating: UInt8.random(in: 0...255, using: &random), count: size)
            }
            for part in bytes { expected.writeImmutableBuffer(part) }
            let flushesEarly = Bool.random(using: &random)
            try await pair.writer.eventLoop.submit {
                for (index, part) in bytes.enumerated() {
                    pair.writer.write(part, promise: nil)
                    if flushesEarly, index == 0 { pair.writer.flush() }
                }
                pair.writer.flush()
            }.get()
            if Int.random(in: 0..<3, using: &random) == 0 {
                try await pair.reader.setOption(.autoRead, value: Bool.random(using: &random)).get()
            }
        }
        try await pair.reader.setOption(.autoRead, value: true).get()
        let total = expected.readableBytes
        try await eventually("all is there", pair) { pair.sink.value.received.readableBytes >= total }
        let whole = expected
        let isSame = try await pair.reader.eventLoop.submit { pair.sink.value.received == whole }.get()
        #expect(isSame, "seed \(seed)")
        let (queued, writabilities) = try await pair.writer.eventLoop.submit {
            (pair.below.value.writes, pair.below.value.writabilities)
        }.get()
        #expect(queued > 0, "the reader never stopped the writer: seed \(seed)")
        #expect(writabilities.last ?? true, "it is writable again")
        // And then directly again.
        try await pair.writer.writeAndFlush(ByteBuffer(string: "!"))
        #expect(try await pair.writer.eventLoop.submit { pair.below.value.writes }.get() == queued)
        try await pair.close()
    }

    @Test func promisesAreKept() async throws {
        let pair = try await makePair()
        // More than the sockets hold: SwiftNIO keeps the rest.
        let writes = try await pair.writer.eventLoop.submit {
            let small = pair.writer.write(ByteBuffer(string: "first"))
            let large = pair.writer.write(ByteBuffer(repeating: 7, count: 16 << 20))
            let last = pair.writer.writeAndFlush(ByteBuffer(string: "last"))
            return [small, large, last]
        }.get()
        try await writes[0].get()
        #expect(!pair.writer.isWritable)
        try await pair.reader.setOption(.autoRead, value: true).get()
        for write in writes { try await write.get() }
        #expect(pair.writer.isWritable)
        let lost = try await pair.writer.eventLoop.submit {
            let lost = pair.writer.write(ByteBuffer(string: "never flushed"))
            pair.writer.close(promise: nil)
            return lost
        }.get()
        await #expect(throws: (any Error).self) { try await lost.get() }
        try await pair.close()
    }

    @Test func aPeerThatIsGoneEndsTheChannelAndNothingElse() async throws {
        let pair = try await makePair()
        // With a reset, so that the next write fails.
        let provider = try #require(pair.reader as? any SocketOptionProvider)
        try await provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await pair.reader.close()
        try await eventually("the channel is over", pair) {
            pair.writer.write(ByteBuffer(string: "x"), promise: nil)
            pair.writer.flush()
            return pair.below.value.isOver
        }
        await #expect(throws: (any Error).self) { try await pair.writer.writeAndFlush(ByteBuffer(string: "x")) }
        try await pair.close()
    }

    @Test func whatHasComeIsTakenWithoutTheEventLoop() async throws {
        let pair = try await makePair()
        let reader = pair.reader
        // SwiftNIO itself is told not to read.
        let direct = try await reader.eventLoop.submit {
            let direct = DirectSocket()
            try reader.pipeline.syncOperations.addHandler(direct, position: .first)
            return NIOLoopBound(direct, eventLoop: reader.eventLoop)
        }.get()
        try await reader.eventLoop.submit {
            direct.value.receive()
            #expect(pair.sink.value.received.readableBytes == 0)
        }.get()
        try await pair.writer.writeAndFlush(ByteBuffer(string: "hello"))
        try await eventually("it has come", pair) {
            direct.value.receive()
            return pair.sink.value.received == ByteBuffer(string: "hello")
        }
        // Much is for SwiftNIO, whole and in order behind what was taken.
        let much = ByteBuffer(repeating: 7, count: 100_000)
        try await pair.writer.writeAndFlush(much)
        try await eventually("much has come", pair) {
            var count: CInt = 0
            return ioctl(try #require(direct.value.descriptor), UInt(FIONREAD), &count) == 0 && count > 8 << 10
        }
        try await reader.eventLoop.submit {
            direct.value.receive()
            #expect(pair.sink.value.received.readableBytes == 5)
        }.get()
        try await reader.setOption(.autoRead, value: true).get()
        try await eventually("all is there", pair) { pair.sink.value.received.readableBytes == 100_005 }
        // The end is SwiftNIO's to tell.
        try await pair.writer.close()
        try await reader.closeFuture.get()
        try await reader.eventLoop.submit {
            #expect(direct.value.descriptor == nil)
            direct.value.receive()
            #expect(pair.sink.value.received.readableBytes == 100_005)
        }.get()
        try await pair.close()
    }

    @Test func onWhatIsNoSocketEverythingIsPassedOn() throws {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandler(DirectSocket())
        channel.write(ByteBuffer(string: "a"), promise: nil)
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        channel.write(ByteBuffer(string: "b"), promise: nil)
        channel.flush()
        #expect(try channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: "a"))
        #expect(try channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(string: "b"))
    }

    @Test func whatChangesBytesStandsBeforeIt() throws {
        let channel = EmbeddedChannel()
        let operations = channel.pipeline.syncOperations
        try operations.addHandlers(DirectSocket(), ReadsBetweenFlushes())
        let changing = Watch()
        try DirectSocket.addNearestToSocket(changing, to: operations)
        channel.write(ByteBuffer(string: "a"), promise: nil)
        // It has been asked to write before anything was flushed; behind the direct writes it would not.
        #expect(changing.writes == 1)
        let other = EmbeddedChannel(handler: ReadsBetweenFlushes())
        try DirectSocket.addNearestToSocket(Watch(), to: other.pipeline.syncOperations)
        #expect(throws: Never.self) { try other.pipeline.syncOperations.handler(type: Watch.self) }
    }

    private func eventually(_ what: String, _ pair: Pair, _ condition: @escaping @Sendable () throws -> Bool)
        async throws
    {
        let deadline = ContinuousClock.now + .seconds(30)
        while try await !pair.writer.eventLoop.submit(condition).get() {
            try #require(ContinuousClock.now < deadline, "\(what) not within 30 s")
            await Task.yield()
        }
    }
}
