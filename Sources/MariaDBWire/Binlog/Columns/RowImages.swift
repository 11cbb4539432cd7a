/// Which images of a row an event holds. The raw values are on the wire between members.
enum RowSection: Int, CaseIterable {
    case inserted = 0
    case before = 1
    case after = 2
    case deleted = 3

    /// The sections of an event of this type, in the order in which a row's images follow each other; empty when it holds
    /// no rows that are taken apart.
    static func of(_ type: BinlogEventType) -> [RowSection] {
        switch type {
        case .writeRowsV1: [.inserted]
        case .updateRowsV1: [.before, .after]
        case .deleteRowsV1: [.deleted]
        default: []
        }
    }
}

/// What precedes the rows in a row event of version 1: table id (6 bytes), flags (2), number of columns, for each image a bitmap
/// of the columns that it has (`binlog_row_image`).
struct RowImages {
    /// Of each image the indices of its columns.
    private(set) var present: [[Int]]
    /// Where the rows begin in the event's content.
    private(set) var headBytes: Int

    /// - Parameter content: the event without header and checksum; what follows the head may be missing.
    init?(_ content: UnsafeRawBufferPointer, images: Int, columns: Int) {
        var bytes = ByteCursor(content)
        guard bytes.skip(8), bytes.lengthEncoded() == columns else { return nil }
        present = []
        for _ in 0..<images {
            guard let bitmap = bytes.take((columns + 7) / 8) else { return nil }
            present.append((0..<columns).filter { bitmap[$0 >> 3] >> UInt8($0 & 7) & 1 != 0 })
        }
        headBytes = bytes.position
        // A row of no bytes would fit in any number of times.
        guard present.contains(where: { !$0.isEmpty }) else { return nil }
    }

    /// Whether `rows` are whole rows and nothing else.
    func fit(_ rows: UnsafeRawBufferPointer, _ layout: RowLayout) -> Bool {
        guard let base = rows.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return true }
        let end = rows.count
        var at = 0
        return layout.columns.withUnsafeBufferPointer { columns in
            while at < end {
                for image in present {
                    let nulls = at
                    at += (image.count + 7) / 8
                    guard at <= end else { return false }
                    for index in 0..<image.count
                    where base[nulls + index >> 3] >> UInt8(truncatingIfNeeded: index & 7) & 1 == 0 {
                        let column = columns[image[index]]
                        let width = Int(column.width)
                        guard width <= end - at else { return false }
                        if column.kind == .variable {
                            let length = littleInteger(base + at, width)
                            guard length <= end - at - width else { return false }
                            at += length
                        }
                        at += width
                    }
                }
            }
            return at == end
        }
    }
}

/// An unsigned number of at most seven bytes, least significant first.
@inline(__always)
func littleInteger(_ bytes: UnsafePointer<UInt8>, _ width: Int) -> Int {
    var value = 0
    var index = width
    while index > 0 {
        index -= 1
        value = value << 8 | Int(bytes[index])
    }
    return value
}
