import ClusterCore
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import MariaDBWire

/// What ``BinlogServer`` says to a replica, without one.
@Suite struct ServerTranscriptTests {
    private final class Delegate: BinlogServerDelegate, @unchecked Sendable {
        var sessions: [BinlogReplicaSession] = []
        var writable = 0
        var closed = 0
        func binlogServer(
            _ server: BinlogServer, opened session: BinlogReplicaSession, at position: GTIDPosition,
            replicaServerID: UInt32
        ) {
            #expect(position == GTIDPosition("0-1-6"))
            #expect(replicaServerID == 2)
            sessions.append(session)
        }
        func binlogServer(_ server: BinlogServer, writable session: BinlogReplicaSession) { writable += 1 }
        func binlogServer(_ server: BinlogServer, closed session: BinlogReplicaSession) { closed += 1 }
    }
    private typealias Make = EventFactory

    private struct Replica {
        let channel: EmbeddedChannel

        func send(_ payload: ByteBuffer, sequence: UInt8 = 0) throws {
            var out = ByteBuffer()
            out.writePacket(payload, sequence: sequence)
            try channel.writeInbound(out)
        }
        func query(_ sql: String) throws -> ByteBuffer {
            var payload = ByteBuffer(bytes: [Command.query])
            payload.writeString(sql)
            try send(payload)
            return try sent()
        }
        /// All that the server wrote.
        func sent() throws -> ByteBuffer {
            var all = ByteBuffer()
            while var part = try channel.readOutbound(as: ByteBuffer.self) { all.writeBuffer(&part) }
            return all
        }
    }

    private func connect(to server: BinlogServer, loop: EmbeddedEventLoop, password: String = "pw") throws -> Replica {
        let channel = EmbeddedChannel(loop: loop)
        try server.accept(channel)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let replica = Replica(channel: channel)
        var client = ClientLogin(Credentials(user: "relay", password: password))
        var greeting = try replica.sent()
        var decoder = PacketDecoder(payloadBytesMax: 1000)
        guard let packet = try decoder.next(from: &greeting),
            case .send(let response, let sequence) = try client.receive(packet)
        else { throw WireError(.unexpected("step")) }
        try replica.send(response, sequence: sequence)
        return replica
    }

    private func start(_ replica: Replica, semiSync: Bool = true) throws {
        _ = try replica.sent()
        var settings = ["SET @master_heartbeat_period= 1000000000", "SET @slave_connect_state='0-1-6'"]
        if semiSync { settings.append("SET @rpl_semi_sync_slave= 1") }
        for setting in settings { #expect(try replica.query(setting).readableBytes == 11) }
        try replica.send(ByteBuffer(bytes: [Command.registerReplica, 2, 0, 0, 0]))
        _ = try replica.sent()
        try replica.send(ByteBuffer(bytes: [Command.binlogDump, 4, 0, 0, 0, 2, 0, 2, 0, 0, 0]))
    }

    private func makeServer(_ delegate: Delegate, loop: EmbeddedEventLoop, connectionsMax: Int = 4) -> BinlogServer {
        BinlogServer(
            .init(
                host: "127.0.0.1", credentials: Credentials(user: "relay", password: "pw"), serverID: 501,
                pendingBytesMax: 1000, connectionsMax: connectionsMax, logger: Logger(label: "test")), eventLoop: loop,
            delegate: delegate)
    }

    @Test(arguments: [true, false]) func streamsWhatItIsGiven(_ semiSync: Bool) throws {
        let (delegate, loop) = (Delegate(), EmbeddedEventLoop())
        let server = makeServer(delegate, loop: loop)
        let replica = try connect(to: server, loop: loop)
        #expect(try Array(buffer: replica.sent()) == [7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0])
        try start(replica, semiSync: semiSync)
        let session = try #require(delegate.sessions.first)
        #expect(session.isSemiSync == semiSync)

        let transaction = Make.transaction("0-1-7", rowBytes: 300)
        session.send(events: transaction)
        session.send(events: Make.transaction("0-1-8"))
        session.flush()
        var stream = DumpStream.make(semiSync: semiSync)
        let captured = try stream.feed(replica.sent(), pieceBytes: 100)
        #expect(stream.file == "wolfscale.000001")
        #expect(captured.map(\.events) == [transaction, Make.transaction("0-1-8")])
        #expect(captured.allSatisfy { !$0.ackWanted })
        #expect(session.sentBytes == UInt64(transaction.readableBytes + Make.transaction("0-1-8").readableBytes))

        // COM_QUIT ends it.
        try replica.send(ByteBuffer(bytes: [Command.quit]))
        #expect(delegate.closed == 1)
        #expect(!session.isWritable)
        session.send(events: transaction)
        session.flush()
    }

    /// Between two pieces of an event a heartbeat would break it.
    @Test func heartbeatsWaitForTheEndOfAnEvent() throws {
        let (delegate, loop) = (Delegate(), EmbeddedEventLoop())
        let server = makeServer(delegate, loop: loop)
        let replica = try connect(to: server, loop: loop)
        try start(replica)
        let session = try #require(delegate.sessions.first)
        var stream = DumpStream.make()
        _ = try stream.feed(replica.sent(), pieceBytes: 1000)

        loop.advanceTime(by: .milliseconds(999))
        #expect(try replica.sent().readableBytes == 0)
        loop.advanceTime(by: .milliseconds(2))
        let heartbeat = try replica.sent()
        #expect(heartbeat.getInteger(at: 7 + 4, as: UInt8.self) == 27)
        #expect(heartbeat.getInteger(at: 7 + 13, endianness: .little, as: UInt32.self) == 4)

        let transaction = Make.transaction("0-1-7")
        session.send(events: transaction.getSlice(at: 0, length: 60)!)
        session.flush()
        loop.advanceTime(by: .seconds(10))
        session.send(events: transaction.getSlice(at: 60, length: transaction.readableBytes - 60)!)
        session.flush()
        let all = try stream.feed(replica.sent(), pieceBytes: 1000)
        #expect(all.map(\.events) == [transaction])
        loop.advanceTime(by: .seconds(2))
        let later = try replica.sent()
        #expect(
            later.getInteger(at: 7 + 13, endianness: .little, as: UInt32.self) == 4 + UInt32(transaction.readableBytes))
    }

    /// STOP SLAVE (FACTS 3.7).
    @Test func aSecondConnectionKillsTheFirst() throws {
        let (delegate, loop) = (Delegate(), EmbeddedEventLoop())
        let server = makeServer(delegate, loop: loop)
        let first = try connect(to: server, loop: loop)
        try start(first)
        let id = try #require(delegate.sessions.first).connectionID
        let second = try connect(to: server, loop: loop)
        _ = try second.sent()
        #expect(try second.query("KILL \(id)").getInteger(at: 4, as: UInt8.self) == 0x00)
        #expect(delegate.closed == 1)
        #expect(!first.channel.isActive)
        #expect(try second.query("KILL \(id)").getInteger(at: 4, as: UInt8.self) == 0xFF)
    }

    @Test func aSlowReplicaHoldsItsSenderBack() throws {
        let (delegate, loop) = (Delegate(), EmbeddedEventLoop())
        let server = makeServer(delegate, loop: loop)
        let replica = try connect(to: server, loop: loop)
        try start(replica)
        let session = try #require(delegate.sessions.first)
        #expect(session.isWritable)
        replica.channel.isWritable = false
        replica.channel.pipeline.fireChannelWritabilityChanged()
        #expect(!session.isWritable)
        #expect(delegate.writable == 0)
        replica.channel.isWritable = true
        replica.channel.pipeline.fireChannelWritabilityChanged()
        #expect(delegate.writable == 1)
    }

    @Test func errorsReachTheReplicaBetweenEventsOnly() throws {
        for cut in [false, true] {
            let (delegate, loop) = (Delegate(), EmbeddedEventLoop())
            let server = makeServer(delegate, loop: loop)
            let replica = try connect(to: server, loop: loop)
            try start(replica)
            _ = try replica.sent()
            let session = try #require(delegate.sessions.first)
            if cut { session.send(events: Make.rows(100).getSlice(at: 0, length: 50)!) }
            session.close(error: 1236, sqlState: "HY000", message: "position is not in the log")
            let sent = try replica.sent()
            #expect(String(buffer: sent).contains("position is not in the log") == !cut)
            #expect(delegate.closed == 1)
        }
    }

    @Test func turnsStrangersAway() throws {
        let (delegate, loop) = (Delegate(), EmbeddedEventLoop())
        let server = makeServer(delegate, loop: loop, connectionsMax: 2)
        let stranger = try connect(to: server, loop: loop, password: "guess")
        #expect(try stranger.sent().getInteger(at: 4, as: UInt8.self) == 0xFF)
        #expect(!stranger.channel.isActive)
        // Garbage.
        let odd = try connect(to: server, loop: loop)
        try odd.channel.writeInbound(ByteBuffer(bytes: [0xFF, 0xFF, 0xFF, 0]))
        #expect(!odd.channel.isActive)
        // One that logs in and then says nothing.
        let mute = try connect(to: server, loop: loop)
        let last = try connect(to: server, loop: loop)
        #expect(throws: WireError.self) { try server.accept(EmbeddedChannel(loop: loop)) }
        loop.advanceTime(by: .seconds(11))
        #expect(!mute.channel.isActive)
        #expect(!last.channel.isActive)
        #expect(delegate.sessions.isEmpty)
    }
}
