import ClusterCore
import NIOCore

/// The payload of a batch: its entries one after the other. Kinds and GTIDs are in the header and not repeated.
///
/// An entry is a flag byte (1: has a source position; 2: in the same file as the entry before), the source offset
/// (u64), the length (u8) and bytes of the file name, each only when flagged so, then the body's length (u32) and
/// the body.
enum EntryCoding {
    static let hasSource: UInt8 = 1
    static let sameFile: UInt8 = 2
    private static let fileBytesMax = Int(UInt8.max)

    /// The exact payload size in bytes.
    static func size(of entries: [Entry]) throws(WALError) -> Int {
        var bytes = 0
        var file: String?
        for entry in entries {
            bytes += 1 + 4 + entry.body.readableBytes
            if let source = entry.source {
                bytes += 8
                if source.file != file {
                    let length = source.file.utf8.count
                    guard length <= fileBytesMax else {
                        throw .tooLarge(what: "bytes in a binlog's file name", actual: length, limit: fileBytesMax)
                    }
                    bytes += 1 + length
                }
                file = source.file
            }
            guard bytes <= Batch.rawBytesMax else {
                throw .tooLarge(what: "bytes in a batch's payload", actual: bytes, limit: Batch.rawBytesMax)
            }
        }
        return bytes
    }

    static func write(_ entries: [Entry], to buffer: inout ByteBuffer) {
        var file: String?
        for entry in entries {
            if let source = entry.source {
                let isSame = source.file == file
                buffer.writeInteger(isSame ? hasSource | sameFile : hasSource)
                buffer.writeInteger(source.offset, endianness: .little)
                if !isSame {
                    buffer.writeInteger(UInt8(source.file.utf8.count))
                    buffer.writeString(source.file)
                }
                file = source.file
            } else {
                buffer.writeInteger(UInt8(0))
            }
            buffer.writeInteger(UInt32(entry.body.readableBytes), endianness: .little)
            buffer.writeImmutableBuffer(entry.body)
        }
    }

    static func read(from buffer: inout ByteBuffer, header: BatchHeader) throws(BatchFault) -> [Entry] {
        var entries: [Entry] = []
        entries.reserveCapacity(header.count)
        var file: String?
        var gtids = GTIDSequence(header.gtidRanges)
        for _ in 0..<header.count {
            let source = try readSource(from: &buffer, file: &file)
            guard let length = buffer.readInteger(endianness: .little, as: UInt32.self),
                let body = buffer.readSlice(length: Int(length))
            else { throw .payload("an entry reaches beyond the end") }
            entries.append(
                Entry(
                    kind: header.kind.entryKind, part: header.kind.part, gtid: gtids.next(), source: source, body: body)
            )
        }
        guard buffer.readableBytes == 0 else { throw .payload("\(buffer.readableBytes) bytes after the last entry") }
        return entries
    }

    private static func readSource(
        from buffer: inout ByteBuffer, file: inout String?
    ) throws(BatchFault) -> SourcePosition? {
        guard let flags = buffer.readInteger(as: UInt8.self) else { throw .payload("an entry is missing") }
        guard flags & ~(hasSource | sameFile) == 0, flags != sameFile else { throw .payload("flags \(flags)") }
        guard flags & hasSource != 0 else { return nil }
        guard let offset = buffer.readInteger(endianness: .little, as: UInt64.self) else {
            throw .payload("a source position is cut off")
        }
        if flags & sameFile == 0 {
            guard let length = buffer.readInteger(as: UInt8.self), let name = buffer.readString(length: Int(length))
            else {
                throw .payload("a file name is cut off")
            }
            file = name
        }
        guard let file else { throw .payload("the same file as no file") }
        return SourcePosition(file: file, offset: offset)
    }
}

/// What stands in front of an entry's body, field by field.
struct EntryPrefix {
    var flags: UInt8
    var offset: UInt64?
    /// Length and bytes, when it is not that of the entry before.
    var file: ByteBuffer?
    var bodyBytes: Int

    init(from buffer: inout ByteBuffer) throws(BatchFault) {
        guard let flags = buffer.readInteger(as: UInt8.self) else { throw .payload("an entry is missing") }
        self.flags = flags
        if flags & EntryCoding.hasSource != 0 {
            guard let offset = buffer.readInteger(endianness: .little, as: UInt64.self) else {
                throw .payload("a source position is cut off")
            }
            self.offset = offset
            if flags & EntryCoding.sameFile == 0 {
                guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self),
                    let file = buffer.readSlice(length: 1 + Int(length))
                else { throw .payload("a file name is cut off") }
                self.file = file
            }
        }
        guard let length = buffer.readInteger(endianness: .little, as: UInt32.self) else {
            throw .payload("an entry reaches beyond the end")
        }
        bodyBytes = Int(length)
    }

    /// With another offset, if it has one.
    func write(to buffer: inout ByteBuffer, offset: UInt64?) {
        buffer.writeInteger(flags)
        if let offset { buffer.writeInteger(offset, endianness: .little) }
        if let file { buffer.writeImmutableBuffer(file) }
        buffer.writeInteger(UInt32(bodyBytes), endianness: .little)
    }
}

/// The GTIDs of a header's ranges, one by one.
private struct GTIDSequence {
    private let ranges: [GTIDRange]
    private var range = 0
    private var taken: UInt64 = 0

    init(_ ranges: [GTIDRange]) { self.ranges = ranges }

    mutating func next() -> GTID? {
        guard range < ranges.count else { return nil }
        let current = ranges[range]
        let gtid = GTID(domain: current.domain, server: current.server, sequence: current.first + taken)
        if gtid.sequence == current.last {
            range += 1
            taken = 0
        } else {
            taken += 1
        }
        return gtid
    }
}
