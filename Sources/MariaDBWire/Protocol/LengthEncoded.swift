import NIOCore

/// Length-encoded integers and strings, NUL-terminated strings: the protocol's building stones. Readers return nil when
/// the bytes do not hold the value and leave the reader index where it was.
extension ByteBuffer {
    package mutating func readLengthEncodedInteger() -> UInt64? {
        guard let first = getInteger(at: readerIndex, as: UInt8.self) else { return nil }
        let value: UInt64?
        let width: Int
        switch first {
        case 0xFC:
            width = 2
            value = getInteger(at: readerIndex + 1, endianness: .little, as: UInt16.self).map(UInt64.init)
        case 0xFD:
            width = 3
            value = getBytes(at: readerIndex + 1, length: 3).map {
                UInt64($0[0]) | UInt64($0[1]) << 8 | UInt64($0[2]) << 16
            }
        case 0xFE:
            width = 8
            value = getInteger(at: readerIndex + 1, endianness: .little, as: UInt64.self)
        case 0xFB, 0xFF: return nil
        default:
            width = 0
            value = UInt64(first)
        }
        guard let value else { return nil }
        moveReaderIndex(forwardBy: 1 + width)
        return value
    }

    package mutating func writeLengthEncodedInteger(_ value: UInt64) {
        switch value {
        case 0..<0xFB: writeInteger(UInt8(value))
        case 0xFB...0xFFFF:
            writeInteger(UInt8(0xFC))
            writeInteger(UInt16(value), endianness: .little)
        case 0x1_0000...0xFF_FFFF:
            writeInteger(UInt32(value) << 8 | 0xFD, endianness: .little)
        default:
            writeInteger(UInt8(0xFE))
            writeInteger(value, endianness: .little)
        }
    }

    package mutating func readLengthEncodedSlice() -> ByteBuffer? {
        let start = readerIndex
        guard let count = readLengthEncodedInteger(), count <= UInt64(readableBytes) else {
            moveReaderIndex(to: start)
            return nil
        }
        return readSlice(length: Int(count))
    }

    package mutating func readLengthEncodedString() -> String? { readLengthEncodedSlice().map { String(buffer: $0) } }

    package mutating func writeLengthEncodedString(_ text: String) {
        writeLengthEncodedInteger(UInt64(text.utf8.count))
        writeString(text)
    }

    /// The bytes before the next NUL, which is consumed too; nil when there is none.
    package mutating func readNullTerminatedSlice() -> ByteBuffer? {
        guard let end = readableBytesView.firstIndex(of: 0) else { return nil }
        let slice = readSlice(length: end - readerIndex)
        moveReaderIndex(forwardBy: 1)
        return slice
    }
}
