import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The values of a variable column that has few different ones (states, names, cities): each once, and for each row a byte.
struct ValueDictionary {
    static let entriesMax = 256
    /// How often a value must occur on average.
    private static let repetitionsMin = 4

    /// Each value behind its length.
    private(set) var entries = ByteBuffer()
    private(set) var indices = ByteBuffer()

    /// Nil when it would not pay.
    init?(lengths: UnsafeBufferPointer<UInt8>, _ width: Int, contents: UnsafeBufferPointer<UInt8>) {
        let count = lengths.count / width
        guard count >= Self.repetitionsMin, let lengthBase = lengths.baseAddress else { return nil }
        var table = ValueTable(contents)
        indices.reserveCapacity(count)
        var isSmall = true
        indices.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { space in
            var offset = 0
            for index in 0..<count {
                let length = littleInteger(lengthBase + index * width, width)
                guard let place = table.index(offset, length) else {
                    isSmall = false
                    return 0
                }
                space[index] = place
                offset += length
            }
            return count
        }
        guard isSmall, table.values.count * Self.repetitionsMin <= count else { return nil }
        for value in table.values {
            for byte in 0..<width { entries.writeInteger(UInt8(truncatingIfNeeded: value.length >> (8 * byte))) }
            entries.writeBytes(contents[value.offset..<value.offset + value.length])
        }
    }
}

/// Finds a value among those before it.
private struct ValueTable {
    private static let slots = 1_024
    private let contents: UnsafeBufferPointer<UInt8>
    private(set) var values: [(offset: Int, length: Int)] = []
    /// One more than the index of the value with such a hash; 0 is free.
    private var places = [UInt16](repeating: 0, count: slots)

    init(_ contents: UnsafeBufferPointer<UInt8>) {
        self.contents = contents
        values.reserveCapacity(ValueDictionary.entriesMax)
    }

    /// Nil when it would be one too many.
    mutating func index(_ offset: Int, _ length: Int) -> UInt8? {
        var slot = hash(offset, length)
        while places[slot] != 0 {
            let index = Int(places[slot]) - 1
            if values[index].length == length, areEqual(values[index].offset, offset, length) {
                return UInt8(truncatingIfNeeded: index)
            }
            slot = (slot + 1) & (Self.slots - 1)
        }
        guard values.count < ValueDictionary.entriesMax else { return nil }
        values.append((offset, length))
        places[slot] = UInt16(values.count)
        return UInt8(truncatingIfNeeded: values.count - 1)
    }

    private func areEqual(_ one: Int, _ other: Int, _ length: Int) -> Bool {
        guard length > 0, let base = contents.baseAddress else { return true }
        return memcmp(base + one, base + other, length) == 0
    }

    /// Of the length and at most 16 bytes from either end.
    private func hash(_ offset: Int, _ length: Int) -> Int {
        var hash = UInt64(truncatingIfNeeded: length) &* 0x9E37_79B9_7F4A_7C15
        func mix(_ range: Range<Int>) {
            for index in range { hash = (hash ^ UInt64(contents[index])) &* 0x0000_0100_0000_01B3 }
        }
        mix(offset..<offset + min(length, 16))
        if length > 16 { mix(offset + max(16, length - 16)..<offset + length) }
        return Int(truncatingIfNeeded: (hash ^ hash >> 29) & UInt64(Self.slots - 1))
    }
}
