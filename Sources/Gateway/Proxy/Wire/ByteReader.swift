/// Reads little-endian and length-encoded values from bytes; nil when they end before the value does.
struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var left: Int { bytes.count - position }

    mutating func byte() -> UInt8? {
        guard left >= 1 else { return nil }
        position += 1
        return bytes[position - 1]
    }

    mutating func integer(bytes count: Int) -> UInt64? {
        guard left >= count else { return nil }
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        position += count
        return value
    }

    mutating func lengthEncoded() -> UInt64? {
        switch byte() {
        case nil, 0xFB, 0xFF: nil
        case 0xFC: integer(bytes: 2)
        case 0xFD: integer(bytes: 3)
        case 0xFE: integer(bytes: 8)
        case let small?: UInt64(small)
        }
    }

    /// The range of a length-encoded string, relative to the bytes given.
    mutating func lengthEncodedRange() -> Range<Int>? {
        guard let count = lengthEncoded(), count <= UInt64(left) else { return nil }
        position += Int(count)
        return (position - Int(count))..<position
    }

    mutating func lengthEncodedText() -> String? {
        lengthEncodedRange().map { String(decoding: bytes[$0], as: UTF8.self) }
    }
}
