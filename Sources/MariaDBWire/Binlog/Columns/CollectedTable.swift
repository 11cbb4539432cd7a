import NIOCore

/// The columns of one table, as a sender collects them from the rows of a group.
final class CollectedTable {
    let layout: RowLayout
    var heads = RowImagesCache()
    private var sections: [CollectedSection?] = Array(repeating: nil, count: RowSection.allCases.count)

    init(_ layout: RowLayout) { self.layout = layout }

    deinit { for section in sections { section?.free() } }

    /// Takes whole rows apart.
    ///
    /// - Precondition: They fit (``RowImages/fit(_:_:)``).
    func add(_ rows: UnsafeRawBufferPointer, _ images: RowImages, _ wanted: [RowSection]) {
        guard let base = rows.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        var at = 0
        var open = wanted.map { sections[$0.rawValue] ?? CollectedSection(layout) }
        while at < rows.count {
            for index in open.indices { at += open[index].add(base + at, images.present[index]) }
        }
        for (index, section) in wanted.enumerated() { sections[section.rawValue] = open[index] }
    }

    /// Appends what is needed to find the streams again to `directory`, and the streams.
    func write(to directory: inout ByteBuffer, _ streams: inout ColumnStreams) {
        directory.writeVarint(layout.columns.count)
        for column in layout.columns { directory.writeMultipleIntegers(column.kind.rawValue, column.width) }
        directory.writeInteger(
            sections.indices.reduce(UInt8(0)) { $0 | (sections[$1] == nil ? 0 : 1 << UInt8($1)) })
        for section in sections { section?.write(to: &directory, &streams) }
    }
}

/// The columns of a table in the rows' images of one kind. Its owner frees it.
private struct CollectedSection {
    private var nulls = ByteSink()
    private let columns: UnsafeMutableBufferPointer<CollectedColumn>

    init(_ layout: RowLayout) {
        columns = .allocate(capacity: layout.columns.count)
        _ = columns.initialize(from: layout.columns.map(CollectedColumn.init))
    }

    /// - Returns: the length of the image.
    @inline(__always)
    mutating func add(_ image: UnsafePointer<UInt8>, _ present: [Int]) -> Int {
        var at = (present.count + 7) / 8
        nulls.append(image, at)
        guard let columns = columns.baseAddress else { return at }
        present.withUnsafeBufferPointer { present in
            for index in 0..<present.count
            where image[index >> 3] >> UInt8(truncatingIfNeeded: index & 7) & 1 == 0 {
                let column = columns + present[index]
                let width = Int(column.pointee.form.width)
                column.pointee.fixed.append(image + at, width)
                if column.pointee.form.kind == .variable {
                    let length = littleInteger(image + at, width)
                    column.pointee.contents.append(image + at + width, length)
                    at += length
                }
                at += width
            }
        }
        return at
    }

    func write(to directory: inout ByteBuffer, _ streams: inout ColumnStreams) {
        streams.add(ByteBuffer(bytes: nulls.all))
        directory.writeVarint(nulls.count)
        for column in columns.indices {
            let before = streams.lengths.count
            directory.writeInteger(columns[column].write(to: &streams).rawValue)
            for length in streams.lengths[before...] { directory.writeVarint(length) }
        }
    }

    func free() {
        var nulls = nulls
        nulls.free()
        for column in columns.indices { columns[column].free() }
        columns.deallocate()
    }
}
