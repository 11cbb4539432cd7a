import ClusterCore
import NIOCore

/// What a full segment ends with: all that opening the log needs of it, so that its batches need not be read again.
/// The byte layout is in this module's README.
struct SegmentTrailer: Sendable {
    let first: LSN
    let last: LSN
    let end: UInt64
    let sealedAt: UInt64
    let index: SegmentIndex
    let termRuns: [TermRun]
    let memberships: [LSN]

    static let magic: UInt64 = 0x3152_4C49_4154_5757  // "WWTAILR1", little-endian
    static let fixedBytes = 64
    /// Checksum, length of the whole trailer, magic: the file's last bytes.
    static let footBytes = 16
    static let trailerBytesMax = 64 << 20

    init(of segment: Segment, history: History, sealedAt: UInt64) {
        first = segment.first
        last = segment.last
        end = segment.end
        self.sealedAt = sealedAt
        var index = segment.index
        // One more point, at the end: the history that the next segment begins with.
        index.add(lsn: segment.last.next, offset: segment.end, history: history)
        self.index = index
        termRuns = segment.termRuns
        memberships = segment.memberships
    }

    func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(Self.magic, endianness: .little)
        buffer.writeInteger(first.rawValue, endianness: .little)
        buffer.writeInteger(last.rawValue, endianness: .little)
        buffer.writeInteger(end, endianness: .little)
        buffer.writeInteger(sealedAt, endianness: .little)
        for count in counts { buffer.writeInteger(UInt32(count), endianness: .little) }
        for pair in index.pairs {
            buffer.writeInteger(pair.domain, endianness: .little)
            buffer.writeInteger(pair.server, endianness: .little)
        }
        for point in index.points {
            buffer.writeInteger(point.lsn.rawValue, endianness: .little)
            buffer.writeInteger(point.offset, endianness: .little)
            buffer.writeInteger(point.sequencesStart, endianness: .little)
            buffer.writeInteger(point.sequencesCount, endianness: .little)
            buffer.writeInteger(point.run, endianness: .little)
        }
        for sequence in index.sequences { buffer.writeInteger(sequence, endianness: .little) }
        for run in index.runs { buffer.write(run) }
        for run in termRuns {
            buffer.writeInteger(run.first.rawValue, endianness: .little)
            buffer.writeInteger(run.term.rawValue, endianness: .little)
        }
        for lsn in memberships { buffer.writeInteger(lsn.rawValue, endianness: .little) }
        buffer.writeInteger(buffer.checksum(at: 0, length: buffer.writerIndex), endianness: .little)
        buffer.writeInteger(UInt32(buffer.writerIndex + 12), endianness: .little)
        buffer.writeInteger(Self.magic, endianness: .little)
        return buffer
    }

    private var counts: [Int] {
        [
            index.pairs.count, index.points.count, index.sequences.count, index.runs.count, termRuns.count,
            memberships.count,
        ]
    }

    /// How long the trailer is that ends with these last bytes of a file; nil when they end none.
    static func length(foot: ByteBuffer) -> Int? {
        let start = foot.readerIndex
        guard foot.readableBytes == footBytes, foot.little(UInt64.self, at: start + 8) == magic,
            let length = foot.little(UInt32.self, at: start + 4), length >= fixedBytes + footBytes,
            length <= trailerBytesMax
        else { return nil }
        return Int(length)
    }

    /// Whether it belongs to the segment of `header`, whose batches end at `end`, and nothing in it lies outside.
    func describes(_ header: SegmentHeader, end: UInt64) -> Bool {
        guard first == header.first, self.end == end, last >= first.previous, last < .limit,
            let final = index.points.last,
            final.lsn == last.next, final.offset == end
        else { return false }
        // Points ascend, so the first and the last bound them all.
        return index.points[0].lsn >= first && index.points[0].offset >= UInt64(header.headerBytes)
    }

    /// Nil for anything that is not a whole and undamaged trailer.
    init?(reading buffer: ByteBuffer) {
        var fields = buffer
        let covered = buffer.readableBytes - Self.footBytes
        guard covered >= Self.fixedBytes,
            buffer.little(UInt32.self, at: buffer.readerIndex + covered)
                == buffer.checksum(at: buffer.readerIndex, length: covered),
            fields.readInteger(endianness: .little, as: UInt64.self) == Self.magic,
            let first = fields.readInteger(endianness: .little, as: UInt64.self),
            let last = fields.readInteger(endianness: .little, as: UInt64.self),
            let end = fields.readInteger(endianness: .little, as: UInt64.self),
            let sealedAt = fields.readInteger(endianness: .little, as: UInt64.self)
        else { return nil }
        var counts: [Int] = []
        for _ in 0..<6 { counts.append(Int(fields.readInteger(endianness: .little, as: UInt32.self) ?? 0)) }
        guard let pairs = fields.readMany(counts[0], bytesEach: 8, { $0.readPair() }),
            let points = fields.readMany(counts[1], bytesEach: 28, { $0.readPoint() }),
            let sequences = fields.readMany(
                counts[2], bytesEach: 8, { $0.readInteger(endianness: .little, as: UInt64.self) }),
            let runs = fields.readMany(counts[3], bytesEach: 32, { $0.readOpenRun() }),
            let termRuns = fields.readMany(counts[4], bytesEach: 16, { $0.readTermRun() }),
            let memberships = fields.readMany(counts[5], bytesEach: 8, { $0.readLSN() }),
            fields.readableBytes == Self.footBytes,
            let index = SegmentIndex(points: points, pairs: pairs, sequences: sequences, runs: runs)
        else { return nil }
        self.first = LSN(first)
        self.last = LSN(last)
        self.end = end
        self.sealedAt = sealedAt
        self.index = index
        self.termRuns = termRuns
        self.memberships = memberships
    }
}

extension ByteBuffer {
    /// `count` elements, if the buffer can hold so many: nothing is allocated for a count that it cannot.
    fileprivate mutating func readMany<T>(_ count: Int, bytesEach: Int, _ read: (inout ByteBuffer) -> T?) -> [T]? {
        guard count * bytesEach <= readableBytes else { return nil }
        var elements: [T] = []
        elements.reserveCapacity(count)
        for _ in 0..<count {
            guard let element = read(&self) else { return nil }
            elements.append(element)
        }
        return elements
    }

    fileprivate mutating func readPair() -> SegmentIndex.Pair? {
        guard let domain = readInteger(endianness: .little, as: UInt32.self),
            let server = readInteger(endianness: .little, as: UInt32.self)
        else { return nil }
        return SegmentIndex.Pair(domain: domain, server: server)
    }

    fileprivate mutating func readPoint() -> SegmentIndex.Point? {
        guard let lsn = readLSN(), let offset = readInteger(endianness: .little, as: UInt64.self),
            let start = readInteger(endianness: .little, as: UInt32.self),
            let count = readInteger(endianness: .little, as: UInt32.self),
            let run = readInteger(endianness: .little, as: Int32.self)
        else { return nil }
        return SegmentIndex.Point(lsn: lsn, offset: offset, sequencesStart: start, sequencesCount: count, run: run)
    }

    fileprivate mutating func readTermRun() -> TermRun? {
        guard let first = readLSN(), let term = readInteger(endianness: .little, as: UInt64.self) else { return nil }
        return TermRun(first: first, term: Term(term))
    }

    fileprivate mutating func readLSN() -> LSN? {
        readInteger(endianness: .little, as: UInt64.self).map { LSN($0) }
    }
}
