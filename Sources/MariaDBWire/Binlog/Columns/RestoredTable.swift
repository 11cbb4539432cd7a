/// The columns of one table, as a receiver puts rows together from them.
final class RestoredTable {
    let layout: RowLayout
    var heads = RowImagesCache()
    private var sections: [RestoredSection?]

    /// - Parameter section: Reads one section from the directory.
    init?(_ layout: RowLayout, mask: UInt8, _ section: (RowLayout) -> RestoredSection?) {
        self.layout = layout
        sections = []
        guard mask >> UInt8(RowSection.allCases.count) == 0 else { return nil }
        for index in 0..<RowSection.allCases.count {
            guard mask >> UInt8(index) & 1 != 0 else {
                sections.append(nil)
                continue
            }
            guard let read = section(layout) else { return nil }
            sections.append(read)
        }
    }

    /// Fills `rows` with whole rows.
    ///
    /// - Returns: false when the columns don't have just that.
    func fill(
        _ rows: UnsafeMutableRawBufferPointer, _ images: RowImages, _ wanted: [RowSection],
        _ streams: UnsafeRawBufferPointer
    ) -> Bool {
        guard let target = rows.baseAddress?.assumingMemoryBound(to: UInt8.self),
            let bytes = streams.baseAddress?.assumingMemoryBound(to: UInt8.self)
        else { return rows.isEmpty }
        var at = 0
        let open = wanted.compactMap { sections[$0.rawValue] }
        guard open.count == wanted.count else { return false }
        while at < rows.count {
            for index in open.indices {
                guard
                    let length = open[index].next(images.present[index], bytes, to: target + at, room: rows.count - at)
                else { return false }
                at += length
            }
        }
        return true
    }
}

/// The columns of a table in the rows' images of one kind.
final class RestoredSection {
    /// What has not been read of the null bitmaps.
    private var nulls: Range<Int>
    private let columns: UnsafeMutableBufferPointer<ColumnCursor>

    init(nulls: Range<Int>, _ columns: [ColumnCursor]) {
        self.nulls = nulls
        self.columns = .allocate(capacity: columns.count)
        _ = self.columns.initialize(from: columns)
    }

    deinit {
        columns.deinitialize()
        columns.deallocate()
    }

    /// Writes the next image.
    ///
    /// - Returns: its length; nil when there is none, or not enough room.
    @inline(__always)
    func next(
        _ present: [Int], _ bytes: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, room: Int
    ) -> Int? {
        var at = (present.count + 7) / 8
        guard at <= nulls.count, at <= room, let columns = columns.baseAddress else { return nil }
        target.update(from: bytes + nulls.lowerBound, count: at)
        nulls = nulls.lowerBound + at..<nulls.upperBound
        for index in 0..<present.count where target[index >> 3] >> UInt8(truncatingIfNeeded: index & 7) & 1 == 0 {
            guard let length = columns[present[index]].next(bytes, to: target + at, room: room - at) else { return nil }
            at += length
        }
        return at
    }
}
