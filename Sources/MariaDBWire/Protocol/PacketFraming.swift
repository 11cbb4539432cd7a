import NIOCore

/// The MySQL packet layer: a 3-byte little-endian length, a sequence number, and the payload. A payload of
/// ``payloadBytesMax`` bytes or more continues in further packets; one that ends exactly at the limit is closed by an
/// empty packet. (MariaDB knowledge base, "0 - Packet".)
package enum PacketFraming {
    @inlinable package static var headerBytes: Int { 4 }
    @inlinable package static var payloadBytesMax: Int { 0xFF_FFFF }
}

extension ByteBuffer {
    /// Writes `payload` as one logical packet whose first frame has the number `sequence`; returns the number that
    /// follows its last frame.
    @discardableResult
    package mutating func writePacket(_ payload: ByteBuffer, sequence: UInt8) -> UInt8 {
        var rest = payload
        var sequence = sequence
        while true {
            let count = min(rest.readableBytes, PacketFraming.payloadBytesMax)
            writePacketHeader(payloadBytes: count, sequence: sequence)
            sequence &+= 1
            if let part = rest.readSlice(length: count) { writeImmutableBuffer(part) }
            if count < PacketFraming.payloadBytesMax { return sequence }
        }
    }

    package mutating func writePacketHeader(payloadBytes: Int, sequence: UInt8) {
        writeInteger(UInt32(payloadBytes) | UInt32(sequence) << 24, endianness: .little)
    }
}

/// One logical packet, its continuation frames joined.
package struct Packet: Equatable {
    /// The number of its last frame; the answer carries the next one.
    package var sequence: UInt8
    package var payload: ByteBuffer
}

/// Joins frames into logical packets for the phases in which packets are small (handshake, commands, answers).
/// The binlog stream has its own, streaming reader.
package struct PacketDecoder {
    /// A packet that announces more than this is refused before a byte of it is kept.
    package let payloadBytesMax: Int
    private var joined: ByteBuffer?

    package init(payloadBytesMax: Int) { self.payloadBytesMax = payloadBytesMax }

    /// The next whole packet of `buffer`, nil when more bytes are needed; what was used is consumed.
    package mutating func next(from buffer: inout ByteBuffer) throws(WireError) -> Packet? {
        while let header = buffer.getInteger(at: buffer.readerIndex, endianness: .little, as: UInt32.self) {
            let count = Int(header & 0xFF_FFFF)
            guard count + (joined?.readableBytes ?? 0) <= payloadBytesMax else {
                throw WireError(.packetTooLarge(bytes: count, max: payloadBytesMax))
            }
            guard buffer.readableBytes >= PacketFraming.headerBytes + count else { return nil }
            buffer.moveReaderIndex(forwardBy: PacketFraming.headerBytes)
            guard var part = buffer.readSlice(length: count) else { return nil }
            if joined == nil, count < PacketFraming.payloadBytesMax {
                return Packet(sequence: UInt8(header >> 24), payload: part)
            }
            joined.setOrWriteBuffer(&part)
            if count < PacketFraming.payloadBytesMax {
                defer { joined = nil }
                return Packet(sequence: UInt8(header >> 24), payload: joined ?? ByteBuffer())
            }
        }
        return nil
    }
}
