/// Bounds and numbers that both ends of a split run of events agree on.
enum EventColumns {
    /// Columns of all tables of a group together.
    static let columnsMax = 16_384
    /// In front of a row event's content: not taken apart; else one more than the index of its table.
    static let asItIs = 0

    /// The table's number, the first six bytes of a TABLE_MAP's and of a row event's content.
    static func tableID(_ content: UnsafeRawBufferPointer) -> UInt64? {
        guard content.count >= 8 else { return nil }
        return content.prefix(6).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// The heads of row events repeat themselves; what the last of each type said is kept.
struct RowImagesCache {
    private var heads: [[UInt8]] = Array(repeating: [], count: RowSection.allCases.count)
    private var images: [RowImages?] = Array(repeating: nil, count: RowSection.allCases.count)

    mutating func images(_ content: UnsafeRawBufferPointer, _ sections: [RowSection], columns: Int) -> RowImages? {
        guard let slot = sections.first?.rawValue else { return nil }
        let head = heads[slot]
        if let known = images[slot], content.count >= head.count,
            head.withUnsafeBytes({ $0.elementsEqual(UnsafeRawBufferPointer(rebasing: content.prefix(head.count))) })
        {
            return known
        }
        guard let read = RowImages(content, images: sections.count, columns: columns) else { return nil }
        heads[slot] = Array(content.prefix(read.headBytes))
        images[slot] = read
        return read
    }
}
