/// Reads the values of one column of one section back, in order. Offsets are into the memory that holds all streams.
struct ColumnCursor {
    /// Where the values of a ``ColumnCoding/dictionary`` lie.
    struct Entry {
        var offset: Int
        var length: Int
    }

    private let coding: ColumnCoding
    private let form: ColumnForm
    private let first: Range<Int>
    /// How many values, and how many of them have been read.
    private let count: Int
    private var index = 0
    /// Of the contents, what has not been read.
    private var second: Range<Int>
    private var last: UInt64 = 0
    private var entries: [Entry] = []

    /// - Parameter ranges: one for each of the coding's streams, inside `bytes`.
    init?(_ form: ColumnForm, _ coding: ColumnCoding, _ ranges: [Range<Int>], _ bytes: UnsafeRawBufferPointer) {
        self.form = form
        self.coding = coding
        guard ranges.count == coding.streams else { return nil }
        first = ranges[0]
        second = ranges.last ?? 0..<0
        let width = Int(form.width)
        switch coding {
        case .planes, .differencePlanes:
            guard form.kind != .variable, coding == .planes || width <= ColumnDifferences.widthMax else { return nil }
            count = first.count / width
            guard count * width == first.count else { return nil }
        case .contents:
            guard form.kind == .variable else { return nil }
            count = first.count / width
            guard count * width == first.count else { return nil }
        case .dictionary:
            guard form.kind == .variable else { return nil }
            count = second.count
            guard readEntries(bytes, width) else { return nil }
        }
    }

    private mutating func readEntries(_ bytes: UnsafeRawBufferPointer, _ width: Int) -> Bool {
        var cursor = ByteCursor(UnsafeRawBufferPointer(rebasing: bytes[first]))
        while cursor.left > 0 {
            guard entries.count < ValueDictionary.entriesMax, let length = cursor.integer(bytes: width) else {
                return false
            }
            entries.append(Entry(offset: first.lowerBound + cursor.position, length: length))
            guard cursor.skip(length) else { return false }
        }
        return true
    }

    /// Writes the next value as it lies in a row to `target`.
    ///
    /// - Parameter room: how much may be written.
    /// - Returns: how much was; nil when there is no further value or not enough room.
    @inline(__always)
    mutating func next(
        _ bytes: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, room: Int
    ) -> Int? {
        let width = Int(form.width)
        guard index < count, width <= room else { return nil }
        let place = index
        index += 1
        switch coding {
        case .planes:
            gather(bytes, place, to: target, width)
            return width
        case .differencePlanes:
            gather(bytes, place, to: target, width)
            let isBig = form.kind == .big
            last &+= ColumnDifferences.unfolded(ColumnDifferences.load(target, width, isBig))
            ColumnDifferences.store(last, target, width, isBig)
            return width
        case .contents:
            gather(bytes, place, to: target, width)
            let length = littleInteger(target, width)
            guard length <= second.count, length <= room - width else { return nil }
            (target + width).update(from: bytes + second.lowerBound, count: length)
            second = second.lowerBound + length..<second.upperBound
            return width + length
        case .dictionary:
            let number = Int(bytes[second.lowerBound + place])
            guard number < entries.count else { return nil }
            let entry = entries[number]
            guard entry.length <= room - width else { return nil }
            // With its length, which lies in front of it.
            target.update(from: bytes + entry.offset - width, count: width + entry.length)
            return width + entry.length
        }
    }

    @inline(__always)
    private func gather(
        _ bytes: UnsafePointer<UInt8>, _ place: Int, to target: UnsafeMutablePointer<UInt8>, _ width: Int
    ) {
        var from = first.lowerBound + place
        for plane in 0..<width {
            target[plane] = bytes[from]
            from += count
        }
    }
}
