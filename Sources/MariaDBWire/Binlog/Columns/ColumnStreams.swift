import NIOCore

/// Streams one after the other, in pieces: a stream of some length is a piece of its own, so that a compressor can be told where bytes
/// of another kind begin.
struct ColumnStreams {
    static let ownPieceBytesMin = 2_048

    private(set) var pieces: [ByteBuffer] = []
    /// Of each stream.
    private(set) var lengths: [Int] = []
    private var small = ByteBuffer()

    mutating func add(_ stream: ByteBuffer) {
        lengths.append(stream.readableBytes)
        if stream.readableBytes >= Self.ownPieceBytesMin {
            flush()
            pieces.append(stream)
        } else {
            small.writeImmutableBuffer(stream)
        }
    }

    mutating func flush() {
        if small.readableBytes > 0 { pieces.append(small) }
        small = ByteBuffer()
    }
}

extension ByteBuffer {
    /// What ``ByteCursor/varint()`` reads.
    mutating func writeVarint(_ value: Int) {
        var rest = UInt32(truncatingIfNeeded: value)
        while rest > 0x7F {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(truncatingIfNeeded: rest))
    }
}
