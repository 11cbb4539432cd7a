/// What a TABLE_MAP event says about the rows of its table: how each column lies in a row image.
struct RowLayout: Hashable, Sendable {
    var columns: [ColumnForm]

    /// More than any table has (MariaDB's limit is 4,096).
    static let columnsMax = 4_096

    /// Reads the content of a TABLE_MAP event, that is without header and checksum: table id (6 bytes), flags (2), database and
    /// table (each a length byte, the name and a zero), the number of columns, their types, the metadata's length and the
    /// metadata. Nil when it holds a type whose values can't be told apart.
    init?(tableMap content: UnsafeRawBufferPointer) {
        var bytes = ByteCursor(content)
        guard bytes.skip(8), let database = bytes.byte(), bytes.skip(Int(database) + 1), let table = bytes.byte(),
            bytes.skip(Int(table) + 1), let count = bytes.lengthEncoded(), count <= Self.columnsMax,
            let types = bytes.take(count), let metadataBytes = bytes.lengthEncoded(),
            let metadata = bytes.take(metadataBytes)
        else { return nil }
        var rest = ArraySlice(metadata)
        columns = []
        columns.reserveCapacity(count)
        for type in types {
            guard let form = ColumnForm(type: type, metadata: &rest) else { return nil }
            columns.append(form)
        }
    }

    init(columns: [ColumnForm]) { self.columns = columns }
}

/// Reads a piece of memory from its beginning; whatever is not there is nil.
struct ByteCursor {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var left: Int { bytes.count - position }

    mutating func skip(_ count: Int) -> Bool {
        guard count >= 0, count <= left else { return false }
        position += count
        return true
    }

    mutating func byte() -> UInt8? {
        guard left > 0 else { return nil }
        position += 1
        return bytes[position - 1]
    }

    mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
        guard skip(count) else { return nil }
        return UnsafeRawBufferPointer(rebasing: bytes[position - count..<position])
    }

    /// At most four bytes, least significant first.
    mutating func integer(bytes count: Int) -> Int? {
        guard let taken = take(count) else { return nil }
        return taken.reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// MySQL's length-encoded integer, up to three bytes of it: nothing here is longer.
    mutating func lengthEncoded() -> Int? {
        guard let first = byte() else { return nil }
        switch first {
        case 0...250: return Int(first)
        case 252: return integer(bytes: 2)
        case 253: return integer(bytes: 3)
        default: return nil
        }
    }

    /// Seven bits a byte, the lowest first; the last byte's top bit is clear.
    mutating func varint() -> Int? {
        var value = 0
        for shift in stride(from: 0, through: 28, by: 7) {
            guard let next = byte() else { return nil }
            value |= Int(next & 0x7F) << shift
            if next < 0x80 { return value }
        }
        return nil
    }
}
