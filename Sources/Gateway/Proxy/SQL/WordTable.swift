/// A word of at most 32 bytes, in capitals, for look-ups that allocate nothing.
struct WordKey: Hashable {
    private var parts: SIMD4<UInt64> = .zero

    static let bytesMax = 32

    /// Nil when it is too long to be a keyword.
    init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count <= Self.bytesMax else { return nil }
        var index = 0
        for byte in bytes {
            let capital = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte & 0xDF : byte
            parts[index >> 3] |= UInt64(capital) << UInt64((index & 7) * 8)
            index += 1
        }
    }

    init(_ word: StaticString) {
        precondition(word.utf8CodeUnitCount <= Self.bytesMax, "\(word) is too long for a keyword")
        var index = 0
        word.withUTF8Buffer { bytes in
            for byte in bytes {
                parts[index >> 3] |= UInt64(byte) << UInt64((index & 7) * 8)
                index += 1
            }
        }
    }

    static func == (one: WordKey, other: WordKey) -> Bool { one.parts == other.parts }

    var bucket: Int {
        var mixed = parts[0] &* 0x9E37_79B9_7F4A_7C15
        mixed ^= (parts[1] &+ parts[2] &* 31 &+ parts[3] &* 131) &* 0xC2B2_AE3D_27D4_EB4F
        return Int(truncatingIfNeeded: mixed >> 40)
    }
}

/// From words to what they mean. Open addressing in one array: a look-up is a few comparisons.
struct WordTable<Value>: Sendable where Value: Sendable {
    private var slots: [(key: WordKey, value: Value)?]
    private let mask: Int

    init(_ entries: [(WordKey, Value)]) {
        var size = 64
        while size < entries.count * 3 { size *= 2 }
        slots = Array(repeating: nil, count: size)
        mask = size - 1
        for (key, value) in entries {
            var index = key.bucket & mask
            while let slot = slots[index], slot.key != key { index = (index + 1) & mask }
            slots[index] = (key, value)
        }
    }

    subscript(key: WordKey) -> Value? {
        var index = key.bucket & mask
        while let slot = slots[index] {
            if slot.key == key { return slot.value }
            index = (index + 1) & mask
        }
        return nil
    }
}
