import Channels
import NIOCore
import NIOEmbedded
import Testing

/// A socket that fails while it is written to gives what it still held, in the midst of the flush.
struct ReadsBetweenFlushesTests {
    /// Stands where the socket is: each flush brings bytes before it returns.
    private final class Failing: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var brings: [String] = []
        var ends = false

        func flush(context: ChannelHandlerContext) {
            for text in brings { context.fireChannelRead(NIOAny(ByteBuffer(string: text))) }
            brings = []
            context.fireErrorCaught(ChannelError.eof)
            if ends { context.fireChannelInactive() }
        }
    }

    /// Flushes whenever it reads "flush", and notes whether it was entered twice.
    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        var events: [String] = []
        var depth = 0
        var depthMax = 0

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            depth += 1
            depthMax = max(depthMax, depth)
            let text = String(buffer: unwrapInboundIn(data))
            events.append(text)
            if text == "flush" { context.flush() }
            depth -= 1
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { events.append("error") }
        func channelInactive(context: ChannelHandlerContext) { events.append("inactive") }
    }

    private func makeChannel(brings: [String]) throws -> (EmbeddedChannel, Failing, Recorder) {
        let failing = Failing()
        failing.brings = brings
        let recorder = Recorder()
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandlers(failing, ReadsBetweenFlushes(), recorder)
        return (channel, failing, recorder)
    }

    @Test func whatComesDuringAFlushIsHandedOnAfterIt() throws {
        let (channel, _, recorder) = try makeChannel(brings: ["1", "2"])
        try channel.writeInbound(ByteBuffer(string: "flush"))
        #expect(recorder.events == ["flush"] && recorder.depthMax == 1)
        channel.embeddedEventLoop.run()
        #expect(recorder.events == ["flush", "1", "2", "error"] && recorder.depthMax == 1)
        try channel.writeInbound(ByteBuffer(string: "3"))
        #expect(recorder.events.last == "3")
    }

    @Test func orderIsKeptWhenTheHeldFlushAgain() throws {
        let (channel, failing, recorder) = try makeChannel(brings: ["flush", "2"])
        try channel.writeInbound(ByteBuffer(string: "flush"))
        failing.brings = ["3"]
        channel.embeddedEventLoop.run()
        #expect(recorder.events == ["flush", "flush", "2", "error", "3", "error"] && recorder.depthMax == 1)
    }

    @Test func theEndComesLast() throws {
        let (channel, failing, recorder) = try makeChannel(brings: ["1"])
        failing.ends = true
        try channel.writeInbound(ByteBuffer(string: "flush"))
        #expect(recorder.events == ["flush"])
        channel.embeddedEventLoop.run()
        #expect(recorder.events == ["flush", "1", "error", "inactive"])
    }
}
