import NIOCore

/// Puts together what an ``EventSplitter`` took apart. What it is given may be anything.
public final class EventJoiner {
    private var end: UInt32 = 0
    private let streams: ByteBuffer
    /// What has not been read of the texts.
    private var texts: Range<Int>
    private var tables: [RestoredTable] = []

    /// - Parameter streams: the pieces of ``EventSplitter/streams()``, one after the other.
    /// - Returns: nil when they make no sense.
    public init?(_ streams: ByteBuffer) {
        self.streams = streams
        texts = 0..<0
        guard streams.withUnsafeReadableBytes(read) else { return nil }
    }

    /// Takes the skeleton of a run of `length` bytes from the front of `input` and appends the run to `output`.
    ///
    /// - Returns: false when `input` or the streams do not hold events of that length; `output` is of no use then.
    public func join(_ length: Int, from input: inout ByteBuffer, to output: inout ByteBuffer) -> Bool {
        var isRight = false
        var taken = 0
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { space in
            input.withUnsafeReadableBytes { skeleton in
                streams.withUnsafeReadableBytes { streams in
                    var run = RunRestoring(
                        skeleton: ByteCursor(skeleton), streams: streams,
                        output: UnsafeMutableRawBufferPointer(rebasing: space[..<length]))
                    isRight = restore(&run)
                    taken = run.skeleton.position
                }
            }
            return isRight ? length : 0
        }
        input.moveReaderIndex(forwardBy: taken)
        return isRight
    }

    // MARK: The directory

    private func read(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var cursor = ByteCursor(bytes)
        guard let textBytes = cursor.varint(), let count = cursor.varint() else { return false }
        var plan = StreamPlan(bytesLeft: bytes.count)
        guard let texts = plan.take(textBytes) else { return false }
        var outlines: [TableOutline] = []
        var columns = 0
        for _ in 0..<count {
            guard let outline = TableOutline(&cursor, &plan) else { return false }
            columns += max(1, outline.layout.columns.count)
            guard columns <= EventColumns.columnsMax + RowLayout.columnsMax else { return false }
            outlines.append(outline)
        }
        // The streams lie behind the directory, whose end is known only now.
        let base = cursor.position
        guard plan.position == cursor.left else { return false }
        self.texts = texts.moved(by: base)
        for outline in outlines {
            guard let table = outline.table(bytes, base: base) else { return false }
            tables.append(table)
        }
        return true
    }

    // MARK: Events

    private func restore(_ run: inout RunRestoring) -> Bool {
        while run.left > 0 {
            guard var header = run.header() else { return false }
            end = end &+ header.length &+ header.logPosition
            header.logPosition = end
            run.open(header)
            guard content(header.type, &run) else { return false }
            run.close()
        }
        return true
    }

    private func content(_ type: BinlogEventType, _ run: inout RunRestoring) -> Bool {
        switch type {
        case .annotateRows:
            guard run.contentBytes <= texts.count else { return false }
            let text = texts.prefix(run.contentBytes)
            texts = text.upperBound..<texts.upperBound
            return run.copy(UnsafeRawBufferPointer(rebasing: run.streams[text]))
        case .writeRowsV1, .updateRowsV1, .deleteRowsV1:
            guard let number = run.skeleton.varint() else { return false }
            guard number != EventColumns.asItIs else { return run.copyContent() }
            guard number <= tables.count else { return false }
            return rows(tables[number - 1], RowSection.of(type), &run)
        default: return run.copyContent()
        }
    }

    private func rows(_ table: RestoredTable, _ sections: [RowSection], _ run: inout RunRestoring) -> Bool {
        let rest = run.skeletonAhead
        guard let images = table.heads.images(rest, sections, columns: table.layout.columns.count),
            let head = run.skeleton.take(images.headBytes), run.copy(head)
        else { return false }
        return table.fill(run.contentLeft(), images, sections, run.streams)
    }
}
