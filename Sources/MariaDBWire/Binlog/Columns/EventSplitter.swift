import NIOCore

/// Takes runs of binlog events apart by what their bytes are, so that they compress better: what can be computed of an
/// event is left out as in ``EventTrimming``, the values of rows are collected by table and column, and the texts of statements
/// (ANNOTATE_ROWS) lie together.
///
/// What remains in the order of the events is the skeleton: of each event the header, with the log position as the difference to what was
/// expected; for row events a number that says whether its rows were taken out, and the part that precedes them; for all others
/// but ANNOTATE_ROWS the content. Rows are restored by the layouts that go with the streams, so a wrong guess about a table
/// costs bytes and nothing else.
///
/// The streams: a directory (varints: length of the texts, number of tables; for each table its columns' forms, a bit for each
/// ``RowSection`` that it has, and for each of these the length of the null bitmaps, and for each column ``ColumnCoding`` and the
/// lengths of its streams), then the texts, then all streams in that order.
public final class EventSplitter {
    /// Where in its file the last event ended.
    private var end: UInt32 = 0
    private var texts = ByteSink()
    private var tables: [CollectedTable] = []
    private var columns = 0
    private var maps: [UInt64: SeenTableMap] = [:]
    private let recent: RecentLayouts?

    /// - Parameter recent: Tables whose TABLE_MAP came in an earlier group: later fragments of a transaction have none.
    public init(recent: RecentLayouts? = nil) { self.recent = recent }

    deinit { texts.free() }

    /// Appends the skeleton of `events` to `output`.
    ///
    /// - Returns: false, and nothing is appended, when these are not whole events with right checksums.
    public func split(_ events: ByteBuffer, to output: inout ByteBuffer) -> Bool {
        events.withUnsafeReadableBytes { bytes in
            guard Self.areWhole(bytes) else { return false }
            var at = 0
            while at < bytes.count, let header = BinlogEventHeader(bytes, at: at) {
                let length = Int(header.length)
                add(header, Self.content(bytes, at: at, length: length), to: &output)
                at += length
            }
            return true
        }
    }

    /// All that was taken out since it exists, in pieces of bytes of one kind. Call it once, at the end.
    public func streams() -> [ByteBuffer] {
        var directory = ByteBuffer()
        var streams = ColumnStreams()
        streams.add(ByteBuffer(bytes: texts.all))
        directory.writeVarint(texts.count)
        directory.writeVarint(tables.count)
        for table in tables { table.write(to: &directory, &streams) }
        streams.flush()
        return [directory] + streams.pieces
    }

    // MARK: One event

    private static func areWhole(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        while at < bytes.count {
            guard let header = BinlogEventHeader(bytes, at: at) else { return false }
            let length = Int(header.length)
            guard length >= BinlogEventHeader.bytes + BinlogEventHeader.checksumBytes, length <= bytes.count - at
            else { return false }
            let covered = length - BinlogEventHeader.checksumBytes
            var checksum = EventChecksum()
            checksum.update(UnsafeRawBufferPointer(rebasing: bytes[at..<at + covered]))
            let trailer = bytes.loadUnaligned(fromByteOffset: at + covered, as: UInt32.self)
            guard checksum.value == UInt32(littleEndian: trailer) else { return false }
            at += length
        }
        return true
    }

    private static func content(
        _ bytes: UnsafeRawBufferPointer, at: Int, length: Int
    ) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            rebasing: bytes[at + BinlogEventHeader.bytes..<at + length - BinlogEventHeader.checksumBytes])
    }

    private func add(_ header: BinlogEventHeader, _ content: UnsafeRawBufferPointer, to output: inout ByteBuffer) {
        var short = header
        short.logPosition = header.logPosition &- end &- header.length
        end = header.logPosition
        short.write(to: &output)
        switch header.type {
        case .annotateRows:
            if let base = content.baseAddress?.assumingMemoryBound(to: UInt8.self) { texts.append(base, content.count) }
            return
        case .tableMap: note(content)
        case .writeRowsV1, .updateRowsV1, .deleteRowsV1:
            if takeRows(header.type, content, to: &output) { return }
            output.writeVarint(EventColumns.asItIs)
        default: break
        }
        output.writeBytes(content)
    }

    private func takeRows(
        _ type: BinlogEventType, _ content: UnsafeRawBufferPointer, to output: inout ByteBuffer
    ) -> Bool {
        let sections = RowSection.of(type)
        guard let index = table(of: content) else { return false }
        let table = tables[index]
        guard let images = table.heads.images(content, sections, columns: table.layout.columns.count) else {
            return false
        }
        let rows = UnsafeRawBufferPointer(rebasing: content[images.headBytes...])
        guard images.fit(rows, table.layout) else { return false }
        output.writeVarint(index + 1)
        output.writeBytes(content.prefix(images.headBytes))
        table.add(rows, images, sections)
        return true
    }

    // MARK: Tables

    private func note(_ tableMap: UnsafeRawBufferPointer) {
        guard let id = EventColumns.tableID(tableMap) else { return }
        if let seen = maps[id], seen.content.withUnsafeBytes({ $0.elementsEqual(tableMap) }) { return }
        let layout = RowLayout(tableMap: tableMap)
        recent?.note(id, layout)
        maps[id] = SeenTableMap(content: Array(tableMap), table: layout.flatMap(open))
    }

    /// The index of the table of a row event; nil when its rows can't be taken apart.
    private func table(of rows: UnsafeRawBufferPointer) -> Int? {
        guard let id = EventColumns.tableID(rows) else { return nil }
        if let seen = maps[id] { return seen.table }
        let table = recent?.layout(id).flatMap(open)
        maps[id] = SeenTableMap(content: [], table: table)
        return table
    }

    private func open(_ layout: RowLayout) -> Int? {
        guard columns + layout.columns.count <= EventColumns.columnsMax else { return nil }
        columns += max(1, layout.columns.count)
        tables.append(CollectedTable(layout))
        return tables.count - 1
    }
}

private struct SeenTableMap {
    /// Empty when it came in an earlier group.
    var content: [UInt8]
    var table: Int?
}

extension BinlogEventHeader {
    /// Nil when fewer than 19 bytes are there.
    init?(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        guard offset >= 0, bytes.count - offset >= Self.bytes else { return nil }
        func read<Value: FixedWidthInteger>(_ place: Int, _: Value.Type) -> Value {
            Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + place, as: Value.self))
        }
        self.init(
            timestamp: read(0, UInt32.self), type: BinlogEventType(rawValue: bytes[offset + 4]),
            serverID: read(5, UInt32.self), length: read(9, UInt32.self), logPosition: read(13, UInt32.self),
            flags: read(17, UInt16.self))
    }
}
