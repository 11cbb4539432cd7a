import NIOCore

/// How the values of one column of one section are written. The numbers are on the wire.
enum ColumnCoding: UInt8 {
    /// One stream: the values' first bytes, then their second bytes, and so on.
    case planes = 0
    /// The same of the differences between neighbours, with the sign in the lowest bit.
    case differencePlanes = 1
    /// Two streams: the planes of the lengths, then the contents, one after the other.
    case contents = 2
    /// Two streams: the different values, each behind its length, then for each value a byte, its index among them.
    case dictionary = 3

    var streams: Int {
        switch self {
        case .planes, .differencePlanes: 1
        case .contents, .dictionary: 2
        }
    }
}

/// What a sender has collected of one column of one section.
struct CollectedColumn {
    let form: ColumnForm
    /// Fixed values, or the lengths of variable ones.
    var fixed = ByteSink()
    var contents = ByteSink()

    init(_ form: ColumnForm) { self.form = form }

    mutating func free() {
        fixed.free()
        contents.free()
    }

    /// Appends the streams to `output` in the coding that promises most, and empties the column.
    mutating func write(to output: inout ColumnStreams) -> ColumnCoding {
        defer { free() }
        let width = Int(form.width)
        guard form.kind == .variable else {
            if ColumnDifferences.pay(fixed.all, width, isBig: form.kind == .big) {
                ColumnDifferences.take(&fixed, width, isBig: form.kind == .big)
                output.add(ColumnPlanes.of(fixed.all, width))
                return .differencePlanes
            }
            output.add(ColumnPlanes.of(fixed.all, width))
            return .planes
        }
        if let dictionary = ValueDictionary(lengths: fixed.all, width, contents: contents.all) {
            output.add(dictionary.entries)
            output.add(dictionary.indices)
            return .dictionary
        }
        output.add(ColumnPlanes.of(fixed.all, width))
        output.add(ByteBuffer(bytes: contents.all))
        return .contents
    }
}

/// Values of equal width, turned: bytes of the same place are more alike than neighbours.
enum ColumnPlanes {
    static func of(_ values: UnsafeBufferPointer<UInt8>, _ width: Int) -> ByteBuffer {
        guard width > 1, let source = values.baseAddress else { return ByteBuffer(bytes: values) }
        let count = values.count / width
        var planes = ByteBuffer()
        planes.writeWithUnsafeMutableBytes(minimumWritableBytes: values.count) { space in
            guard let target = space.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
            for plane in 0..<width {
                var from = source + plane
                let to = target + plane * count
                for index in 0..<count {
                    to[index] = from.pointee
                    from += width
                }
            }
            return values.count
        }
        return planes
    }
}

/// Differences of neighbouring numbers, of at most eight bytes.
enum ColumnDifferences {
    static let widthMax = 8

    /// Whether they need less than half of the bits in which the values differ from the first.
    static func pay(_ values: UnsafeBufferPointer<UInt8>, _ width: Int, isBig: Bool) -> Bool {
        guard width > 0, width <= widthMax, let base = values.baseAddress, values.count > width else { return false }
        let first = load(base, width, isBig)
        var (last, spread) = (first, UInt64(0))
        var differenceBits = 0
        for offset in stride(from: width, to: values.count, by: width) {
            let value = load(base + offset, width, isBig)
            spread |= value ^ first
            differenceBits += 64 - folded(value &- last, width).leadingZeroBitCount
            last = value
        }
        return 2 * differenceBits < (values.count / width - 1) * (64 - spread.leadingZeroBitCount)
    }

    static func take(_ values: inout ByteSink, _ width: Int, isBig: Bool) {
        guard let base = values.bytes else { return }
        var last: UInt64 = 0
        for offset in stride(from: 0, to: values.count, by: width) {
            let value = load(base + offset, width, isBig)
            store(folded(value &- last, width), base + offset, width, isBig)
            last = value
        }
    }

    @inline(__always)
    static func load(_ bytes: UnsafePointer<UInt8>, _ width: Int, _ isBig: Bool) -> UInt64 {
        var value: UInt64 = 0
        if isBig {
            for index in 0..<width { value = value << 8 | UInt64(bytes[index]) }
        } else {
            for index in 0..<width { value |= UInt64(bytes[index]) << UInt64(8 * index) }
        }
        return value
    }

    @inline(__always)
    static func store(_ value: UInt64, _ bytes: UnsafeMutablePointer<UInt8>, _ width: Int, _ isBig: Bool) {
        for index in 0..<width {
            let place = isBig ? width - 1 - index : index
            bytes[place] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
    }

    /// A difference of numbers of `width` bytes with its sign in the lowest bit, so that small ones are short either way.
    @inline(__always)
    static func folded(_ difference: UInt64, _ width: Int) -> UInt64 {
        let unused = UInt64(64 - 8 * width)
        let signed = Int64(bitPattern: difference << unused) >> Int64(unused)
        return (UInt64(bitPattern: (signed << 1) ^ (signed >> 63)) << unused) >> unused
    }

    @inline(__always)
    static func unfolded(_ folded: UInt64) -> UInt64 { (folded >> 1) ^ (0 &- (folded & 1)) }
}
