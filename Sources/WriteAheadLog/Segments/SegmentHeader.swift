import ClusterCore
import NIOCore

/// What a segment file begins with. The byte layout is in this module's README.
struct SegmentHeader: Hashable, Sendable {
    let first: LSN
    /// Of the entry before `first`.
    let previousTerm: Term
    /// Seconds since 1970.
    let created: UInt64
    /// Before `first`.
    let history: History

    static let magic: UInt64 = 0x3147_4553_4C41_5757  // "WWALSEG1", little-endian
    static let version: UInt32 = 1
    static let blockBytes = 4096
    private static let fixedBytes = 80
    private static let markBytes = 16
    static let headerBytesMax = rounded(fixedBytes + GTIDFrontier.marksMax * markBytes + 4)

    /// A whole number of blocks, where the first batch begins.
    var headerBytes: Int { Self.rounded(Self.fixedBytes + history.frontier.marks.count * Self.markBytes + 4) }

    private static func rounded(_ bytes: Int) -> Int { (bytes + blockBytes - 1) / blockBytes * blockBytes }

    /// How many bytes of a file to read for its header, from its first block; the block alone when that holds no header.
    static func headerBytes(firstBlock: ByteBuffer) -> Int {
        guard firstBlock.little(UInt64.self, at: firstBlock.readerIndex) == magic,
            let length = firstBlock.little(UInt32.self, at: firstBlock.readerIndex + 12)
        else { return blockBytes }
        return min(Int(length), headerBytesMax)
    }

    func encoded() -> ByteBuffer {
        let marks = history.frontier.marks
        var buffer = ByteBufferAllocator().buffer(capacity: headerBytes)
        buffer.writeInteger(Self.magic, endianness: .little)
        buffer.writeInteger(Self.version, endianness: .little)
        buffer.writeInteger(UInt32(headerBytes), endianness: .little)
        buffer.writeInteger(first.rawValue, endianness: .little)
        buffer.writeInteger(previousTerm.rawValue, endianness: .little)
        buffer.writeInteger(created, endianness: .little)
        buffer.writeInteger(UInt32(history.open == nil ? 0 : 1), endianness: .little)
        buffer.writeInteger(UInt32(marks.count), endianness: .little)
        buffer.write(history.open)
        for mark in marks { buffer.write(mark) }
        buffer.writeInteger(buffer.checksum(at: 0, length: buffer.writerIndex), endianness: .little)
        buffer.writeRepeatingByte(0, count: headerBytes - buffer.writerIndex)
        return buffer
    }

    /// Why a file's beginning is not a segment header.
    enum Fault: Error, Hashable {
        case damaged(String)
        case newerVersion(UInt32)
    }

    init(first: LSN, previousTerm: Term, created: UInt64, history: History) {
        self.first = first
        self.previousTerm = previousTerm
        self.created = created
        self.history = history
    }

    /// - Parameter buffer: the file's first ``headerBytes(firstBlock:)``, or what there is of them.
    init(reading buffer: ByteBuffer) throws(Fault) {
        var fields = buffer
        guard let magic = fields.readInteger(endianness: .little, as: UInt64.self), magic == Self.magic else {
            throw .damaged("no segment header")
        }
        guard let version = fields.readInteger(endianness: .little, as: UInt32.self),
            let headerBytes = fields.readInteger(endianness: .little, as: UInt32.self),
            let first = fields.readInteger(endianness: .little, as: UInt64.self),
            let previousTerm = fields.readInteger(endianness: .little, as: UInt64.self),
            let created = fields.readInteger(endianness: .little, as: UInt64.self),
            let isOpen = fields.readInteger(endianness: .little, as: UInt32.self),
            let markCount = fields.readInteger(endianness: .little, as: UInt32.self),
            markCount <= GTIDFrontier.marksMax, let run = fields.readOpenRun()
        else { throw .damaged("the segment header is cut off") }
        let covered = Self.fixedBytes + Int(markCount) * Self.markBytes
        guard buffer.readableBytes >= covered + 4 else { throw .damaged("the segment header is cut off") }
        guard
            buffer.little(UInt32.self, at: buffer.readerIndex + covered)
                == buffer.checksum(at: buffer.readerIndex, length: covered)
        else { throw .damaged("the segment header's checksum is wrong") }
        guard version == Self.version else { throw .newerVersion(version) }
        var marks: [GTID] = []
        marks.reserveCapacity(Int(markCount))
        for _ in 0..<markCount { if let mark = fields.readGTID() { marks.append(mark) } }
        self.init(
            first: LSN(first), previousTerm: Term(previousTerm), created: created,
            history: History(frontier: GTIDFrontier(marks: marks), open: isOpen == 0 ? nil : run))
        guard self.first > .zero, self.first < .limit, Int(headerBytes) == self.headerBytes else {
            throw .damaged("the segment header makes no sense")
        }
    }
}

extension ByteBuffer {
    mutating func write(_ gtid: GTID) {
        writeInteger(gtid.domain, endianness: .little)
        writeInteger(gtid.server, endianness: .little)
        writeInteger(gtid.sequence, endianness: .little)
    }

    mutating func readGTID() -> GTID? {
        guard let domain = readInteger(endianness: .little, as: UInt32.self),
            let server = readInteger(endianness: .little, as: UInt32.self),
            let sequence = readInteger(endianness: .little, as: UInt64.self)
        else { return nil }
        return GTID(domain: domain, server: server, sequence: sequence)
    }

    /// 32 bytes: GTID, term, first LSN; zeros when there is none.
    mutating func write(_ run: OpenRun?) {
        write(run?.gtid ?? GTID(domain: 0, server: 0, sequence: 0))
        writeInteger((run?.term ?? .zero).rawValue, endianness: .little)
        writeInteger((run?.first ?? .zero).rawValue, endianness: .little)
    }

    mutating func readOpenRun() -> OpenRun? {
        guard let gtid = readGTID(), let term = readInteger(endianness: .little, as: UInt64.self),
            let first = readInteger(endianness: .little, as: UInt64.self)
        else { return nil }
        return OpenRun(gtid: gtid, term: Term(term), first: LSN(first))
    }
}
