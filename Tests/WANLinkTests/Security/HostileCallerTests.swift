import ClusterCore
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import WANLink

/// Callers that no well-behaved node is: each is closed, with one line in the log, and costs little.
@Suite(.timeLimit(.minutes(1))) struct HostileCallerTests {
    /// Connects with a TLS of its own making.
    private func connect(
        to node: TestNode, _ context: NIOSSLContext, heard: Observed<[FrameType]> = Observed([])
    ) async throws -> any Channel {
        let port = node.network.localPort
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton.next())
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        try NIOSSLClientHandler(context: context, serverHostname: nil), Hearer(heard))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    /// Notes the types of the frames that come.
    private final class Hearer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let heard: Observed<[FrameType]>
        init(_ heard: Observed<[FrameType]>) { self.heard = heard }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            guard let raw = bytes.getInteger(at: bytes.readerIndex + 3, as: UInt8.self),
                let type = FrameType(rawValue: raw)
            else { return }
            heard.change { $0.append(type) }
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private func hello(_ id: String, _ purpose: ConnectionPurpose = .control) -> ByteBuffer {
        var payload = ByteBuffer()
        PeerHello(purpose: purpose, clusterID: "c1", number: NodeNumber(2), id: id, to: nil).write(to: &payload)
        return FrameDecoderTests.bytes(.hello, [payload])
    }

    private func expectOneLine(_ host: TestNode, _ text: String, times: Int = 20, _ call: () async throws -> Void)
        async throws
    {
        for _ in 0..<times { try await call() }
        try await host.log.wait(for: text)
        let warnings = host.log.lines.filter { $0.hasPrefix("warning") }
        #expect(warnings.count == 1, "\(warnings)")
        #expect(host.delegate.notes.hellos.isEmpty && host.delegate.notes.control.isEmpty)
        try await host.close()
    }

    @Test func plainText() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority)
        try await expectOneLine(host, "TLS: the other side") {
            let raw = try await RawPeer.connect(to: host)
            try await raw.send(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: db1\r\n\r\n"))
            try await raw.waitUntilClosed()
        }
    }

    @Test func frames() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority)
        try await expectOneLine(host, "does not speak TLS") {
            let raw = try await RawPeer.connect(to: host)
            try await raw.send(hello("node-2"))
            try await raw.waitUntilClosed()
        }
    }

    @Test func garbage() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority)
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        // A record's header that is right, so that what follows reaches the handshake, in every other one.
        let pieces = (0..<40).map { index in
            let noise = (0..<600).map { _ in UInt8.random(in: 0...255, using: &random) }
            return index % 2 == 0 ? noise : [0x16, 0x03, 0x01, 0x02, 0x00] + noise
        }
        for piece in pieces {
            let raw = try await RawPeer.connect(to: host)
            // It may be closed before all is sent.
            do { try await raw.send(ByteBuffer(bytes: piece)) } catch {}
            // A handshake message that announces more than comes is waited for until the timeout.
            raw.channel.close(promise: nil)
            do { try await raw.waitUntilClosed() } catch {}
        }
        try await host.log.wait(for: "closed a connection")
        #expect(host.log.lines.filter { $0.hasPrefix("warning") }.count == 1)
        #expect(host.delegate.notes.hellos.isEmpty)
        try await host.close()
    }

    @Test func tls12() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority)
        let old = try authority.client(as: authority.texts("node-2"), maximum: .tlsv12)
        try await expectOneLine(host, "does not speak TLS 1.3", times: 5) {
            let channel = try await connect(to: host, old)
            try await channel.closeFuture.get()
        }
    }

    @Test func noCertificate() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority)
        let bare = try authority.client()
        try await expectOneLine(host, "the other side has no certificate", times: 5) {
            let channel = try await connect(to: host, bare)
            channel.writeAndFlush(hello("node-2"), promise: nil)
            try await channel.closeFuture.get()
        }
    }

    /// While tokens are out, a caller without a certificate may ask, and do nothing else.
    @Test func noCertificateWhileTokensAreOut() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority)
        let security = try authority.security("node-1")
        try await host.onLoop { $0.setSecurity(security, strangers: true) }
        let bare = try authority.client()
        for purpose in [ConnectionPurpose.control, .bulk] {
            let heard = Observed([FrameType]())
            let channel = try await connect(to: host, bare, heard: heard)
            channel.writeAndFlush(hello("node-2", purpose), promise: nil)
            try await channel.closeFuture.get()
            #expect(heard.value == [.refusal])
        }
        try await host.log.wait(for: "no certificate was shown")
        let heard = Observed([FrameType]())
        let channel = try await connect(to: host, bare, heard: heard)
        channel.writeAndFlush(hello("node-9", .request), promise: nil)
        try await heard.wait { $0 == [.welcome] }
        let long = ByteBuffer(repeating: 1, count: PeerHello.byteCountMax + 1)
        channel.writeAndFlush(FrameDecoderTests.bytes(.request, [long]), promise: nil)
        try await channel.closeFuture.get()
        #expect(host.delegate.notes.hellos.isEmpty)
        try await host.close()
    }

    @Test func framesOfHugeLengths() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority)
        let client = try authority.client(as: authority.texts("node-2"))
        for before in [[], [hello("node-2")]] {
            var huge = ByteBuffer()
            huge.writeMultipleIntegers(
                FrameHeader.magic, FrameHeader.version, FrameType.control.rawValue, UInt32(0), UInt32.max, UInt32(0))
            let channel = try await connect(to: host, client)
            for bytes in before + [huge] { channel.writeAndFlush(bytes, promise: nil) }
            try await channel.closeFuture.get()
        }
        try await host.log.wait(for: "announces 4294967295 bytes")
        #expect(host.delegate.notes.control.isEmpty)
        try await host.close()
    }

    @Test func oneThatSaysNothing() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority, timeout: .milliseconds(200))
        let raw = try await RawPeer.connect(to: host)
        try await raw.waitUntilClosed()
        try await host.log.wait(for: "no handshake within 200 ms")
        try await host.close()
    }

    /// A byte now and then keeps nothing open: the handshake has to be done in time.
    @Test func oneThatDrips() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority, timeout: .milliseconds(400))
        let raw = try await RawPeer.connect(to: host)
        let begun = ContinuousClock.now
        let drip = raw.channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(20)) { _ in
            raw.channel.writeAndFlush(ByteBuffer(bytes: [0x16]), promise: nil)
        }
        try await raw.waitUntilClosed()
        drip.cancel()
        #expect(ContinuousClock.now - begun < .seconds(5))
        try await host.close()
    }

    /// Callers that go away at any moment of the handshake leave nothing behind, and a member's lines come up meanwhile.
    @Test func handshakesThatBreakOff() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority)
        let member = try await TestNode.start(2, of: authority)
        let client = try authority.client(as: authority.texts("node-3"))
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        for round in 0..<200 {
            if round == 100 { try await member.setPeers([1: host.address]) }
            // Beyond its handshakes a second the host closes them itself.
            do {
                let channel = try await connect(to: host, client)
                let pause = TimeAmount.microseconds(Int64.random(in: 0...3_000, using: &random))
                try await channel.eventLoop.scheduleTask(in: pause) { channel.close(promise: nil) }.futureResult.get()
                try await channel.closeFuture.get()
            } catch is IOError {} catch is ChannelError {}
        }
        try await member.delegate.wait { !$0.connected.isEmpty }
        try await member.sendControl("whole", to: 1)
        try await host.delegate.wait { $0.control == ["2: whole"] }
        while try await host.onLoop({ $0.acceptedCount }) > 2 { try await Task.sleep(for: .milliseconds(5)) }
        for node in [member, host] { try await node.close() }
    }

    /// One that is done with TLS and then says nothing.
    @Test func oneThatGoesSilentAfterTLS() async throws {
        let authority = try TestAuthority()
        let host = try await TestNode.start(1, of: authority, timeout: .seconds(2))
        let channel = try await connect(to: host, try authority.client(as: authority.texts("node-2")))
        try await channel.closeFuture.get()
        try await host.log.wait(for: "no handshake within 2000 ms")
        try await host.close()
    }
}
