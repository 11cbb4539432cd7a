import NIOCore

/// Leaves out of a run of binlog events what can be computed from the rest: each event's CRC32 trailer, and where in the
/// file it ends, which in a run is where the one before ended and its own length. Such bytes are few, but unlike
/// the rest they don't compress: of small transactions they are a fifth of what a compressed line carries.
///
/// Trimmed events follow each other; of each the log position is the difference to what was expected, and the trailer is
/// missing. Runs are trimmed and restored in the same order, each by a value that saw the same runs before.
public struct EventTrimming: Sendable {
    /// Where in its file the last event ended.
    private var end: UInt32 = 0

    public init() {}

    /// Appends `events` to `output` in their short form.
    ///
    /// - Returns: false, and nothing is appended, when these are not whole events with right checksums.
    public mutating func trim(_ events: ByteBuffer, to output: inout ByteBuffer) -> Bool {
        let start = output.writerIndex
        var end = end
        var rest = events
        while rest.readableBytes > 0 {
            guard let header = BinlogEventHeader(rest, at: rest.readerIndex),
                let event = Self.event(of: Int(header.length), from: &rest)
            else {
                output.moveWriterIndex(to: start)
                return false
            }
            var short = header
            short.logPosition = header.logPosition &- end &- header.length
            end = header.logPosition
            short.write(to: &output)
            output.writeImmutableBuffer(event)
        }
        self.end = end
        return true
    }

    /// Takes an event of this length off `rest`, if its trailer is right.
    ///
    /// - Returns: what lies between header and trailer.
    private static func event(of length: Int, from rest: inout ByteBuffer) -> ByteBuffer? {
        let covered = length - BinlogEventHeader.checksumBytes
        guard covered >= BinlogEventHeader.bytes, var event = rest.readSlice(length: length),
            let trailer = event.getInteger(at: event.readerIndex + covered, endianness: .little, as: UInt32.self),
            let content = event.readSlice(length: covered), EventChecksum.of(content) == trailer
        else { return nil }
        return content.getSlice(
            at: content.readerIndex + BinlogEventHeader.bytes, length: covered - BinlogEventHeader.bytes)
    }

    /// Takes trimmed events from the front of `input` and appends them to `output` as they were, until that has grown by
    /// `length` bytes.
    ///
    /// - Returns: false when `input` does not begin with events of that length; `output` is of no use then.
    public mutating func restore(_ length: Int, from input: inout ByteBuffer, to output: inout ByteBuffer) -> Bool {
        var left = length
        while left > 0 {
            let start = output.writerIndex
            guard var header = BinlogEventHeader(input, at: input.readerIndex), Int(header.length) <= left,
                Int(header.length) >= BinlogEventHeader.bytes + BinlogEventHeader.checksumBytes,
                var event = input.readSlice(length: Int(header.length) - BinlogEventHeader.checksumBytes)
            else { return false }
            event.moveReaderIndex(forwardBy: BinlogEventHeader.bytes)
            end = end &+ header.length &+ header.logPosition
            header.logPosition = end
            header.write(to: &output)
            output.writeImmutableBuffer(event)
            var checksum = EventChecksum()
            output.withUnsafeReadableBytes { bytes in
                checksum.update(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(start - output.readerIndex)))
            }
            output.writeInteger(checksum.value, endianness: .little)
            left -= Int(header.length)
        }
        return true
    }
}
