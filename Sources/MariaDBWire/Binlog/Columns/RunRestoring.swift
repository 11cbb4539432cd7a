/// A run of events that is being restored into memory of just its length.
struct RunRestoring {
    var skeleton: ByteCursor
    let streams: UnsafeRawBufferPointer
    private let output: UnsafeMutableRawBufferPointer
    /// Where the open event begins, where the next byte goes, and where the event's content ends.
    private var start = 0
    private var position = 0
    private var contentEnd = 0

    init(skeleton: ByteCursor, streams: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer) {
        self.skeleton = skeleton
        self.streams = streams
        self.output = output
    }

    var left: Int { output.count - position }
    /// What is missing of the open event's content.
    var contentBytes: Int { contentEnd - position }
    /// What of the skeleton may be the open event's.
    var skeletonAhead: UnsafeRawBufferPointer {
        var ahead = skeleton
        return ahead.take(min(ahead.left, contentBytes)) ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// An event's header as the skeleton has it; nil when the event does not fit.
    mutating func header() -> BinlogEventHeader? {
        guard let bytes = skeleton.take(BinlogEventHeader.bytes), let header = BinlogEventHeader(bytes, at: 0),
            Int(header.length) >= BinlogEventHeader.bytes + BinlogEventHeader.checksumBytes,
            Int(header.length) <= left
        else { return nil }
        return header
    }

    /// - Precondition: ``header()`` gave it, at most the log position was changed.
    mutating func open(_ header: BinlogEventHeader) {
        start = position
        contentEnd = start + Int(header.length) - BinlogEventHeader.checksumBytes
        write(header.timestamp)
        write(header.type.rawValue)
        write(header.serverID)
        write(header.length)
        write(header.logPosition)
        write(header.flags)
    }

    private mutating func write<Value: FixedWidthInteger>(_ value: Value) {
        output.storeBytes(of: value.littleEndian, toByteOffset: position, as: Value.self)
        position += MemoryLayout<Value>.size
    }

    mutating func copy(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= contentBytes else { return false }
        UnsafeMutableRawBufferPointer(rebasing: output[position..<position + bytes.count]).copyMemory(from: bytes)
        position += bytes.count
        return true
    }

    /// The open event's content, from the skeleton.
    mutating func copyContent() -> Bool {
        guard let bytes = skeleton.take(contentBytes) else { return false }
        return copy(bytes)
    }

    /// The room that is left for the open event's content; it counts as written.
    mutating func contentLeft() -> UnsafeMutableRawBufferPointer {
        defer { position = contentEnd }
        return UnsafeMutableRawBufferPointer(rebasing: output[position..<contentEnd])
    }

    /// Computes the checksum of the open event.
    ///
    /// - Precondition: its content is complete.
    mutating func close() {
        precondition(position == contentEnd, "an event of \(contentEnd - start) bytes ends after \(position - start)")
        var checksum = EventChecksum()
        checksum.update(UnsafeRawBufferPointer(rebasing: output[start..<position]))
        write(checksum.value)
    }
}
