import NIOCore

/// The events that a primary makes up for one connection. They carry its own server id: one with the replica's crashes
/// a replica that applies in parallel (FACTS 3.3). Their `log_pos` of 0 leaves the replica's position where it is.
struct ArtificialEvents {
    let serverID: UInt32
    let serverVersion: String

    /// What the stream begins with: the file it claims to read, from its first event on.
    func rotate(file: String, position: UInt64) -> ByteBuffer {
        event(.rotate, flags: BinlogEventHeader.artificialFlag) {
            $0.writeInteger(position, endianness: .little)
            $0.writeString(file)
        }
    }

    /// `created` is 0: otherwise the replica would take it for a restart and drop its temporary tables.
    func formatDescription() -> ByteBuffer {
        event(.formatDescription, flags: 0) { body in
            body.writeInteger(UInt16(4), endianness: .little)
            let version = Array(serverVersion.utf8.prefix(49))
            body.writeBytes(version)
            body.writeRepeatingByte(0, count: 50 - version.count)
            body.writeInteger(UInt32(0), endianness: .little)
            body.writeInteger(UInt8(BinlogEventHeader.bytes))
            body.writeBytes(Self.postHeaderBytes)
            body.writeInteger(FormatDescription.ChecksumAlgorithm.crc32.rawValue)
        }
    }

    /// Takes the place of the sender's own: the same bytes with our server id, no position and no creation time.
    /// Nil when `event` is not a FORMAT_DESCRIPTION event with CRC32 checksums.
    func formatDescription(like event: ByteBuffer) -> ByteBuffer? {
        let bodyBytes = event.readableBytes - BinlogEventHeader.bytes - BinlogEventHeader.checksumBytes
        guard let header = BinlogEventHeader(event, at: event.readerIndex), header.type == .formatDescription,
            Int(header.length) == event.readableBytes, bodyBytes >= FormatDescription.bodyBytesMin,
            var body = event.getSlice(at: event.readerIndex + BinlogEventHeader.bytes, length: bodyBytes),
            FormatDescription(body: body)?.checksum == .crc32
        else { return nil }
        body.setInteger(UInt32(0), at: body.readerIndex + 52, endianness: .little)
        return self.event(.formatDescription, flags: 0) { $0.writeImmutableBuffer(body) }
    }

    /// An empty list is enough.
    func gtidList() -> ByteBuffer {
        event(.gtidList, flags: BinlogEventHeader.artificialFlag) { $0.writeInteger(UInt32(0), endianness: .little) }
    }

    /// The position must not lie below the replica's. One of more than 32 bits stands in a sub-header
    /// (sql/sql_repl.cc, send_heartbeat_event).
    func heartbeat(file: String, position: UInt64) -> ByteBuffer {
        let short = UInt32(exactly: position)
        return event(.heartbeat, logPosition: short ?? 0, flags: 0) {
            if short == nil { $0.writeInteger(position, endianness: .little) }
            $0.writeString(file)
        }
    }

    private func event(
        _ type: BinlogEventType, logPosition: UInt32 = 0, flags: UInt16, body write: (inout ByteBuffer) -> Void
    ) -> ByteBuffer {
        var body = ByteBuffer()
        write(&body)
        let length = BinlogEventHeader.bytes + body.readableBytes + BinlogEventHeader.checksumBytes
        var event = ByteBuffer()
        event.reserveCapacity(length)
        BinlogEventHeader(
            type: type, serverID: serverID, length: UInt32(length), logPosition: logPosition, flags: flags
        ).write(to: &event)
        event.writeImmutableBuffer(body)
        event.writeInteger(EventChecksum.of(event), endianness: .little)
        return event
    }

    /// The post-header length of every event type, from 1 to 171, as MariaDB 10.11 writes them; most have none.
    private static let postHeaderBytes: [UInt8] = {
        let some: [Int: UInt8] = [
            1: 56, 2: 13, 4: 8, 6: 18, 8: 4, 9: 4, 10: 4, 11: 4, 12: 18, 15: 228, 17: 4, 18: 26, 19: 8, 23: 8, 24: 8,
            25: 8, 26: 2, 30: 10, 31: 10, 32: 10, 39: 10, 40: 10, 41: 10, 161: 4, 162: 19, 163: 4, 165: 13, 166: 8,
            167: 8, 168: 8, 169: 10, 170: 10, 171: 10,
        ]
        return (1...171).map { some[$0] ?? 0 }
    }()
}
