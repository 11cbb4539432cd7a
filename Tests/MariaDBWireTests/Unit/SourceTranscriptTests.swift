import ClusterCore
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import MariaDBWire

/// What ``BinlogSource`` says to a server, without one.
@Suite struct SourceTranscriptTests {
    private final class Delegate: BinlogSourceDelegate, @unchecked Sendable {
        var captured: [CapturedTransaction] = []
        var bursts = 0
        var alive = 0
        var closed: [BinlogSourceError?] = []
        func binlogSource(_ source: BinlogSource, captured transactions: [CapturedTransaction]) {
            captured += transactions
            bursts += 1
        }
        func binlogSourceAlive(_ source: BinlogSource) { alive += 1 }
        func binlogSourceClosed(_ source: BinlogSource, error: BinlogSourceError?) { closed.append(error) }
    }
    private typealias Make = EventFactory

    private func open(_ delegate: Delegate, silenceMax: Duration? = nil) throws -> (EmbeddedChannel, BinlogSource) {
        let channel = EmbeddedChannel()
        let configuration = BinlogSource.Configuration(
            address: .unix(path: "/nowhere"), credentials: Credentials(user: "root", password: "pw"), serverID: 9001,
            start: GTIDPosition("0-1-6,2-1-1")!, semiSync: true, silenceMax: silenceMax, logger: Logger(label: "test"))
        let source = BinlogSource(configuration, channel: channel, delegate: delegate)
        try channel.pipeline.syncOperations.addHandler(BinlogSourceHandler(source))
        return (channel, source)
    }

    private func packet(_ sequence: UInt8, _ write: (inout ByteBuffer) -> Void) -> ByteBuffer {
        var payload = ByteBuffer()
        write(&payload)
        var out = ByteBuffer()
        out.writePacket(payload, sequence: sequence)
        return out
    }

    private var rows: ByteBuffer {
        var out = ByteBuffer()
        var sequence: UInt8 = 1
        TextResultSet(columns: ["@@global.log_bin", "@@global.binlog_checksum"], rows: [["1", "CRC32"]]).write(
            allocator: ByteBufferAllocator()
        ) { sequence = out.writePacket($0, sequence: sequence) }
        return out
    }

    /// The server's side, each step with the text that must be in the client's answer.
    private var steps: [(ByteBuffer, String)] {
        let login = ServerLogin(Credentials(user: "root"), serverVersion: "10.11.19-MariaDB", connectionID: 44)
        return [
            (packet(0) { login.greeting.write(to: &$0) }, "root\0"),
            (packet(2) { ServerReply.writeOK(to: &$0) }, "SELECT @@global.log_bin"),
            (rows, "@slave_connect_state='0-1-6,2-1-1'"),
            (packet(1) { ServerReply.writeOK(to: &$0) }, "\u{15}"),
            (packet(1) { ServerReply.writeOK(to: &$0) }, "\u{12}"),
        ]
    }

    /// The whole exchange, whatever pieces the bytes come in.
    @Test(arguments: [1, 3, 1 << 20]) func speaksAsAReplica(_ pieceBytes: Int) throws {
        let delegate = Delegate()
        let (channel, source) = try open(delegate)
        var sequence: UInt8 = 1
        for (bytes, expected) in steps {
            try write(bytes, to: channel, pieceBytes: pieceBytes)
            let answer = try #require(try channel.readOutbound(as: ByteBuffer.self))
            #expect(String(buffer: answer).contains(expected))
            #expect(answer.getInteger(at: 3, as: UInt8.self) == sequence)
            sequence = 0
            #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        }
        #expect(source.connectionID == 44)
        let first = [Make.gtid("0-1-7", end: 100), Make.xid(end: 200)]
        let second = [Make.gtid("0-1-8", end: 300), Make.rows(50, end: 400), Make.xid(end: 500)]
        let stream = Make.stream((first + second).map { ($0, $0 == second[2] || $0 == first[1]) })
        try write(stream, to: channel, pieceBytes: pieceBytes)
        #expect(delegate.captured.map(\.events) == [first, second].map(Make.concatenated))
        #expect(delegate.captured.map(\.ackWanted) == [true, true])
        #expect(delegate.bursts == (pieceBytes > 1000 ? 1 : 2))
        #expect(delegate.alive >= delegate.bursts)
        #expect(try source.established.futureResult.wait() === source)

        source.acknowledge(file: "binlog.000007", offset: 0x1_0000_01F4)
        let ack = try #require(try channel.readOutbound(as: ByteBuffer.self))
        let expected: [UInt8] = [22, 0, 0, 0, 0xEF, 0xF4, 0x01, 0, 0, 1, 0, 0, 0] + Array("binlog.000007".utf8)
        #expect(Array(buffer: ack) == expected)

        // The server's farewell.
        try write(ByteBuffer(bytes: [1, 0, 0, 9, 0xFE]), to: channel, pieceBytes: pieceBytes)
        #expect(delegate.closed.map { $0?.code } == [.disconnected])
        #expect(!channel.isActive)
    }

    @Test func whatCameBeforeAnErrorIsDelivered() throws {
        let delegate = Delegate()
        let (channel, _) = try open(delegate)
        for (bytes, _) in steps { try write(bytes, to: channel, pieceBytes: 1 << 20) }
        var wrong = Make.rows(50)
        wrong.setInteger(UInt8(1), at: 40)
        let events = [Make.gtid("0-1-7"), Make.xid(), Make.gtid("0-1-8"), wrong]
        try write(Make.stream(events.map { ($0, false) }), to: channel, pieceBytes: 1 << 20)
        #expect(delegate.captured.map(\.gtid.description) == ["0-1-7"])
        #expect(delegate.closed.map { $0?.code } == [.corruptEvent])
    }

    @Test func closingIsSilent() throws {
        let delegate = Delegate()
        let (channel, source) = try open(delegate)
        for (bytes, _) in steps { try write(bytes, to: channel, pieceBytes: 1 << 20) }
        try write(Make.stream([]), to: channel, pieceBytes: 1 << 20)
        source.close()
        source.close()
        source.acknowledge(file: "f", offset: 1)
        source.setReading(false)
        #expect(delegate.closed == [nil])
    }

    @Test func silenceIsMeasured() throws {
        let delegate = Delegate()
        let (channel, source) = try open(delegate, silenceMax: .seconds(5))
        for (bytes, _) in steps { try write(bytes, to: channel, pieceBytes: 1 << 20) }
        try write(Make.stream([]), to: channel, pieceBytes: 1 << 20)
        let heartbeat = Make.stream([(Make.artificial.heartbeat(file: "binlog.000007", position: 4), false)])
        for _ in 0..<4 {
            channel.embeddedEventLoop.advanceTime(by: .seconds(4))
            try write(heartbeat, to: channel, pieceBytes: 1 << 20)
        }
        // While it does not read, nothing can come.
        source.setReading(false)
        channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        source.setReading(true)
        channel.embeddedEventLoop.advanceTime(by: .seconds(4))
        #expect(delegate.closed.isEmpty)
        channel.embeddedEventLoop.advanceTime(by: .seconds(6))
        #expect(delegate.closed.map { $0?.code } == [.timedOut])
    }

    private func write(_ bytes: ByteBuffer, to channel: EmbeddedChannel, pieceBytes: Int) throws {
        var rest = bytes
        while let piece = rest.readSlice(length: min(pieceBytes, rest.readableBytes)), piece.readableBytes > 0 {
            try channel.writeInbound(ByteBuffer(bytes: piece.readableBytesView))
        }
    }
}
