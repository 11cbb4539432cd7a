/// Hands out where streams lie that follow each other.
struct StreamPlan {
    private(set) var position = 0
    private let bytesMax: Int

    init(bytesLeft: Int) { bytesMax = bytesLeft }

    mutating func take(_ length: Int) -> Range<Int>? {
        guard length >= 0, length <= bytesMax - position else { return nil }
        position += length
        return position - length..<position
    }
}

extension Range<Int> {
    func moved(by offset: Int) -> Range<Int> { lowerBound + offset..<upperBound + offset }
}

/// What a directory says of one table.
struct TableOutline {
    private struct Column {
        var coding: ColumnCoding
        var ranges: [Range<Int>]
    }
    private struct Section {
        var nulls: Range<Int>
        var columns: [Column]
    }

    let layout: RowLayout
    private let mask: UInt8
    private var sections: [Section] = []

    init?(_ cursor: inout ByteCursor, _ plan: inout StreamPlan) {
        guard let count = cursor.varint(), count <= RowLayout.columnsMax, cursor.left >= 2 * count else { return nil }
        var columns: [ColumnForm] = []
        for _ in 0..<count {
            guard let kind = cursor.byte(), let width = cursor.byte(), let form = ColumnForm(kind: kind, width: width)
            else { return nil }
            columns.append(form)
        }
        layout = RowLayout(columns: columns)
        guard let mask = cursor.byte() else { return nil }
        self.mask = mask
        for _ in 0..<(mask & 0x0F).nonzeroBitCount {
            guard let section = Self.section(&cursor, &plan, count) else { return nil }
            sections.append(section)
        }
    }

    private static func section(_ cursor: inout ByteCursor, _ plan: inout StreamPlan, _ count: Int) -> Section? {
        guard let nullBytes = cursor.varint(), let nulls = plan.take(nullBytes), cursor.left >= 2 * count else {
            return nil
        }
        var columns: [Column] = []
        columns.reserveCapacity(count)
        for _ in 0..<count {
            guard let coding = cursor.byte().flatMap({ ColumnCoding(rawValue: $0) }) else { return nil }
            var ranges: [Range<Int>] = []
            for _ in 0..<coding.streams {
                guard let length = cursor.varint(), let range = plan.take(length) else { return nil }
                ranges.append(range)
            }
            columns.append(Column(coding: coding, ranges: ranges))
        }
        return Section(nulls: nulls, columns: columns)
    }

    /// - Parameter base: where in `bytes` the streams begin.
    func table(_ bytes: UnsafeRawBufferPointer, base: Int) -> RestoredTable? {
        var rest = sections[...]
        return RestoredTable(layout, mask: mask) { layout in
            guard let section = rest.popFirst() else { return nil }
            var cursors: [ColumnCursor] = []
            cursors.reserveCapacity(section.columns.count)
            for (form, column) in zip(layout.columns, section.columns) {
                let ranges = column.ranges.map { $0.moved(by: base) }
                guard let cursor = ColumnCursor(form, column.coding, ranges, bytes) else { return nil }
                cursors.append(cursor)
            }
            return RestoredSection(nulls: section.nulls.moved(by: base), cursors)
        }
    }
}
