import NIOCore
import Testing

@testable import MariaDBWire

@Suite struct PacketTests {
    private func pieces(_ bytes: ByteBuffer, _ count: Int) throws -> [Packet] {
        var decoder = PacketDecoder(payloadBytesMax: 1 << 26)
        var packets: [Packet] = []
        var inbound = ByteBuffer()
        var rest = bytes
        while var piece = rest.readSlice(length: min(count, rest.readableBytes)), piece.readableBytes > 0 {
            inbound.writeBuffer(&piece)
            while let packet = try decoder.next(from: &inbound) { packets.append(packet) }
        }
        return packets
    }

    @Test func bytesOfAPacket() {
        var out = ByteBuffer()
        #expect(out.writePacket(ByteBuffer(string: "abc"), sequence: 5) == 6)
        #expect(Array(buffer: out) == [3, 0, 0, 5, 97, 98, 99])
    }

    @Test(arguments: [1, 2, 3, 4, 5, 7, 64, 4096]) func anyCutGivesTheSamePackets(_ count: Int) throws {
        var out = ByteBuffer()
        let payloads = [0, 1, 3, 250, 251, 1000, 0, 9].map { ByteBuffer(repeating: UInt8($0 % 251), count: $0) }
        for (index, payload) in payloads.enumerated() { out.writePacket(payload, sequence: UInt8(index)) }
        let packets = try pieces(out, count)
        #expect(packets.map(\.payload) == payloads)
        #expect(packets.map(\.sequence) == (0..<UInt8(payloads.count)).map { $0 })
    }

    @Test(arguments: [-1, 0, 1]) func largePacketsContinue(_ difference: Int) throws {
        let count = PacketFraming.payloadBytesMax + difference
        let payload = ByteBuffer(repeating: 0x5A, count: count)
        var out = ByteBuffer()
        let next = out.writePacket(payload, sequence: 255)
        // One that fills its frame is closed by an empty one.
        #expect(next == (difference < 0 ? 0 : 1))
        #expect(out.readableBytes == count + (difference < 0 ? 4 : 8))
        #expect(try pieces(out, 1 << 20).map(\.payload) == [payload])
    }

    @Test func refusesMoreThanTheBoundBeforeKeepingIt() throws {
        var decoder = PacketDecoder(payloadBytesMax: 100)
        var inbound = ByteBuffer()
        inbound.writePacketHeader(payloadBytes: 101, sequence: 0)
        #expect(throws: WireError(.packetTooLarge(bytes: 101, max: 100))) { try decoder.next(from: &inbound) }
    }

    @Test func lengthEncodedIntegers() {
        let cases: [(UInt64, [UInt8])] = [
            (0, [0]), (250, [250]), (251, [0xFC, 251, 0]), (0xFFFF, [0xFC, 0xFF, 0xFF]),
            (0x1_0000, [0xFD, 0, 0, 1]), (0xFF_FFFF, [0xFD, 0xFF, 0xFF, 0xFF]),
            (0x100_0000, [0xFE, 0, 0, 0, 1, 0, 0, 0, 0]), (.max, [0xFE] + Array(repeating: 0xFF, count: 8)),
        ]
        for (value, bytes) in cases {
            var buffer = ByteBuffer()
            buffer.writeLengthEncodedInteger(value)
            #expect(Array(buffer: buffer) == bytes)
            #expect(buffer.readLengthEncodedInteger() == value)
            #expect(buffer.readableBytes == 0)
            for cut in 0..<bytes.count {
                var short = ByteBuffer(bytes: bytes.prefix(cut))
                #expect(short.readLengthEncodedInteger() == nil)
                #expect(short.readerIndex == 0)
            }
        }
        // A string that announces more than there is.
        var liar = ByteBuffer(bytes: [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1])
        #expect(liar.readLengthEncodedSlice() == nil)
        #expect(liar.readerIndex == 0)
    }

    @Test func resultSetsComeBack() throws {
        let set = TextResultSet(columns: ["a", "b"], rows: [["1", nil], ["", "x"], [nil, nil]])
        var payloads: [ByteBuffer] = []
        set.write(allocator: ByteBufferAllocator()) { payloads.append($0) }
        var reader = QueryAnswerReader()
        var answer: QueryAnswerReader.Answer?
        for payload in payloads {
            #expect(answer == nil)
            answer = try reader.receive(payload)
        }
        #expect(answer == .rows(set))
    }
}
