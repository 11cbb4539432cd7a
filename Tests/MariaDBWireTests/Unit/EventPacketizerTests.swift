import NIOCore
import Testing

@testable import MariaDBWire

@Suite struct EventPacketizerTests {
    private typealias Make = EventFactory

    @Test func bytesOfAnEventPacket() throws {
        let event = Make.xid(end: 77)
        var packetizer = EventPacketizer(semiSync: true, sequence: 250)
        var out = ByteBuffer()
        try packetizer.write(event, to: &out)
        #expect(Array(buffer: out.readSlice(length: 7)!) == [UInt8(event.readableBytes + 3), 0, 0, 250, 0, 0xEF, 0])
        #expect(out == event)
        #expect(packetizer.sequence == 251)
        #expect(packetizer.isAtBoundary)
        #expect(packetizer.position == 77)

        var plain = EventPacketizer(semiSync: false, sequence: 1)
        out.clear()
        try plain.write(event, to: &out)
        #expect(Array(buffer: out.readSlice(length: 5)!) == [UInt8(event.readableBytes + 1), 0, 0, 1, 0])
    }

    /// What it makes of any pieces, ``DumpStream`` reads back.
    @Test(arguments: [1, 7, 19, 20, 333, 100_000]) func anyCutGivesTheSamePackets(_ pieceBytes: Int) throws {
        let transactions = (1...9).map { Make.transaction("0-1-\($0)", rowBytes: $0 * $0 * 100) }
        var whole = EventPacketizer(semiSync: true, sequence: 1)
        var expected = ByteBuffer()
        try whole.write(Make.concatenated(transactions), to: &expected)

        var packetizer = EventPacketizer(semiSync: true, sequence: 1)
        var out = ByteBuffer()
        var rest = Make.concatenated(transactions)
        while let piece = rest.readSlice(length: min(pieceBytes, rest.readableBytes)), piece.readableBytes > 0 {
            try packetizer.write(piece, to: &out)
        }
        #expect(out == expected)
        #expect(packetizer.isAtBoundary)

        var stream = DumpStream.make()
        let captured = try stream.feed(out, pieceBytes: 500)
        #expect(captured.map(\.events) == transactions)
    }

    @Test(arguments: [-1, 0, 1, 16_777_214, 16_777_215, 16_777_216], [true, false])
    func largeEventsContinue(_ more: Int, _ semiSync: Bool) throws {
        let overhead = BinlogEventHeader.bytes + BinlogEventHeader.checksumBytes + (semiSync ? 3 : 1)
        let size = PacketFraming.payloadBytesMax - overhead + more
        let rows = Make.event(.writeRowsV1, body: ByteBuffer(repeating: 0x3C, count: size))
        let transaction = Make.concatenated([Make.gtid("0-1-7"), rows, Make.xid()])
        var packetizer = EventPacketizer(semiSync: semiSync, sequence: 1)
        var out = ByteBuffer()
        var rest = transaction
        while let piece = rest.readSlice(length: min(1 << 20, rest.readableBytes)), piece.readableBytes > 0 {
            try packetizer.write(piece, to: &out)
        }
        var stream = DumpStream.make(semiSync: semiSync)
        let captured = try stream.feed(out, pieceBytes: 1 << 19)
        #expect(Make.concatenated(captured.map(\.events)) == transaction)
        var decoder = PacketDecoder(payloadBytesMax: 1 << 28)
        var numbers: [UInt8] = []
        while let packet = try decoder.next(from: &out) { numbers.append(packet.sequence) }
        #expect(numbers.count == 3)
        #expect(numbers.last == packetizer.sequence &- 1)
    }

    /// As a replica counts: by lengths, or by the event's own position when that is higher.
    @Test func positionIsTheReplicas() throws {
        var packetizer = EventPacketizer(semiSync: true, sequence: 1)
        var out = ByteBuffer()
        packetizer.writeArtificial(Make.artificial.formatDescription(), to: &out)
        #expect(packetizer.position == 4)
        let event = Make.xid(end: 20)
        try packetizer.write(event, to: &out)
        #expect(packetizer.position == 4 + UInt64(event.readableBytes))
        try packetizer.write(Make.xid(end: 5000), to: &out)
        #expect(packetizer.position == 5000)
        try packetizer.write(Make.xid(end: 10), to: &out)
        #expect(packetizer.position == 5000 + UInt64(event.readableBytes))
    }

    @Test func refusesBytesThatAreNoEvents() {
        var packetizer = EventPacketizer(semiSync: true, sequence: 1)
        var out = ByteBuffer()
        #expect(throws: WireError.self) { try packetizer.write(ByteBuffer(repeating: 0, count: 40), to: &out) }
    }

    @Test func artificialEventsAreOurOwn() throws {
        let events = [
            Make.artificial.rotate(file: "f", position: 4), Make.artificial.formatDescription(),
            Make.artificial.gtidList(), Make.artificial.heartbeat(file: "f", position: 1 << 40),
        ]
        for event in events {
            let header = try #require(BinlogEventHeader(event, at: 0))
            #expect(header.serverID == 501)
            #expect(header.timestamp == 0)
            #expect(header.logPosition == 0)
            #expect(Int(header.length) == event.readableBytes)
            let sum = EventChecksum.of(event.getSlice(at: 0, length: event.readableBytes - 4)!)
            #expect(event.getInteger(at: event.writerIndex - 4, endianness: .little) == sum)
        }
        // 19 + 57 + 171 types + algorithm + checksum, as MariaDB 10.11 writes it.
        #expect(events[1].readableBytes == 252)
        let like = try #require(Make.artificial.formatDescription(like: events[1]))
        #expect(like == events[1])
        #expect(Make.artificial.formatDescription(like: events[0]) == nil)
    }
}
