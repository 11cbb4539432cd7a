import ClusterCore
import NIOCore

@testable import MariaDBWire

/// Makes binlog events and dump streams for tests.
enum EventFactory {
    static let artificial = ArtificialEvents(serverID: 501, serverVersion: "10.11.19-MariaDB-test")

    static func event(
        _ type: BinlogEventType, server: UInt32 = 1, end: UInt32 = 0, flags: UInt16 = 0, body: ByteBuffer
    ) -> ByteBuffer {
        var event = ByteBuffer()
        let length = BinlogEventHeader.bytes + body.readableBytes + BinlogEventHeader.checksumBytes
        BinlogEventHeader(
            timestamp: 1_700_000_000, type: type, serverID: server, length: UInt32(length), logPosition: end,
            flags: flags
        ).write(to: &event)
        event.writeImmutableBuffer(body)
        event.writeInteger(EventChecksum.of(event), endianness: .little)
        return event
    }

    static func gtid(_ text: String, end: UInt32 = 0, flags: GTIDEvent.Flags = []) -> ByteBuffer {
        let gtid = GTID(text)!
        var body = ByteBuffer()
        body.writeInteger(gtid.sequence, endianness: .little)
        body.writeInteger(gtid.domain, endianness: .little)
        body.writeInteger(flags.rawValue)
        body.writeRepeatingByte(0, count: 6)
        return event(.gtid, server: gtid.server, end: end, body: body)
    }

    static func rows(_ bytes: Int, server: UInt32 = 1, end: UInt32 = 0, seed: UInt8 = 7) -> ByteBuffer {
        event(
            .writeRowsV1, server: server, end: end,
            body: ByteBuffer(bytes: (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31) &+ seed }))
    }

    static func query(_ text: String, end: UInt32 = 0) -> ByteBuffer {
        var body = ByteBuffer(repeating: 0, count: 13)
        body.writeString("\0" + text)
        return event(.query, end: end, body: body)
    }

    static func xid(end: UInt32 = 0) -> ByteBuffer {
        event(.xid, end: end, body: ByteBuffer(integer: UInt64(42), endianness: .little))
    }

    static func concatenated(_ events: [ByteBuffer]) -> ByteBuffer {
        var all = ByteBuffer()
        for event in events { all.writeImmutableBuffer(event) }
        return all
    }

    static func transaction(_ gtid: String, rowBytes: Int = 100) -> ByteBuffer {
        concatenated([self.gtid(gtid), rows(rowBytes), xid()])
    }

    /// A dump stream: what a server begins with, then `events`, each with its semi-sync flag.
    static func stream(
        file: String = "binlog.000007", position: UInt64 = 4, semiSync: Bool = true,
        _ events: [(event: ByteBuffer, ack: Bool)]
    ) -> ByteBuffer {
        var out = ByteBuffer()
        var sequence: UInt8 = 1
        let head = [artificial.rotate(file: file, position: position), artificial.formatDescription()]
        for (event, ack) in head.map({ ($0, false) }) + events {
            var payload = ByteBuffer(bytes: semiSync ? [0x00, 0xEF, ack ? 1 : 0] : [0x00])
            payload.writeImmutableBuffer(event)
            sequence = out.writePacket(payload, sequence: sequence)
        }
        return out
    }
}

extension DumpStream {
    static func make(semiSync: Bool = true, fragmentBytesMax: Int = 1 << 20) -> DumpStream {
        DumpStream(semiSync: semiSync, fragmentBytesMax: fragmentBytesMax, allocator: ByteBufferAllocator())
    }

    /// Feeds `bytes` in pieces of at most `pieceBytes`, taking what is complete after each.
    mutating func feed(_ bytes: ByteBuffer, pieceBytes: Int) throws(BinlogSourceError) -> [CapturedTransaction] {
        var rest = bytes
        var captured: [CapturedTransaction] = []
        while let piece = rest.readSlice(length: min(pieceBytes, rest.readableBytes)), piece.readableBytes > 0 {
            // A copy, as from a socket: it shares no storage with the next.
            try receive(ByteBuffer(bytes: piece.readableBytesView))
            captured += take(now: .uptimeNanoseconds(0))
        }
        return captured
    }
}
