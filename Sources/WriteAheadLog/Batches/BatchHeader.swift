import CChecksum
import ClusterCore
import NIOCore

/// What a batch says of itself, without its payload. The byte layout is in this module's README.
public struct BatchHeader: Hashable, Sendable {
    public let kind: BatchKind
    public let codec: Codec
    public let first: LSN
    /// How many entries.
    public let count: Int
    public let term: Term
    /// The transactions of the batch, in order; of a fragment the transaction that it belongs to.
    public let gtidRanges: [GTIDRange]
    /// The payload's size before compression, in bytes.
    public let rawBytes: Int
    /// The payload's size as stored, in bytes.
    public let storedBytes: Int
    let payloadChecksum: UInt32

    public var last: LSN { first + (count - 1) }
    /// The header's own size.
    public var headerBytes: Int { Self.fixedBytes + gtidRanges.count * Self.rangeBytes + Self.checksumBytes }
    /// The size of the whole batch, on disk and on the wire.
    public var batchBytes: Int { headerBytes + storedBytes }

    static let magic: UInt32 = 0x3142_5357  // "WSB1", little-endian
    static let version: UInt8 = 1
    static let fixedBytes = 48
    static let rangeBytes = 24
    static let checksumBytes = 4
    static let headerBytesMax = fixedBytes + Batch.entriesMax * rangeBytes + checksumBytes
    /// Enough to learn how long the header is.
    static let prefixBytes = 12
}

extension BatchHeader {
    func write(to buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.writeInteger(Self.magic, endianness: .little)
        buffer.writeInteger(Self.version)
        buffer.writeInteger(kind.rawValue)
        buffer.writeInteger(codec.rawValue)
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt32(headerBytes), endianness: .little)
        buffer.writeInteger(UInt32(count), endianness: .little)
        buffer.writeInteger(first.rawValue, endianness: .little)
        buffer.writeInteger(term.rawValue, endianness: .little)
        buffer.writeInteger(UInt32(rawBytes), endianness: .little)
        buffer.writeInteger(UInt32(storedBytes), endianness: .little)
        buffer.writeInteger(payloadChecksum, endianness: .little)
        buffer.writeInteger(UInt32(gtidRanges.count), endianness: .little)
        for range in gtidRanges {
            buffer.writeInteger(range.domain, endianness: .little)
            buffer.writeInteger(range.server, endianness: .little)
            buffer.writeInteger(range.first, endianness: .little)
            buffer.writeInteger(range.last, endianness: .little)
        }
        let checksum = buffer.checksum(at: start, length: buffer.writerIndex - start)
        buffer.writeInteger(checksum, endianness: .little)
    }

    /// Reads the header at `start` without moving the buffer's indices.
    ///
    /// The first twelve bytes (magic, version, header length) and the checksum in the header's last four are the
    /// same in every version, so that a newer format is told apart from damage.
    init(peeking buffer: ByteBuffer, at start: Int) throws(BatchFault) {
        let available = buffer.writerIndex - start
        guard let magic = buffer.little(UInt32.self, at: start), available >= Self.prefixBytes,
            let headerBytes = buffer.little(UInt32.self, at: start + 8).map(Int.init)
        else { throw .incomplete(needed: Self.prefixBytes, available: available) }
        guard magic == Self.magic else { throw magic == 0 ? .unwritten : .badMagic(magic) }
        guard (Self.fixedBytes + Self.checksumBytes...Self.headerBytesMax).contains(headerBytes) else {
            throw .nonsense("a header of \(headerBytes) bytes")
        }
        guard available >= headerBytes else { throw .incomplete(needed: headerBytes, available: available) }
        let covered = headerBytes - Self.checksumBytes
        guard buffer.little(UInt32.self, at: start + covered) == buffer.checksum(at: start, length: covered) else {
            throw .headerChecksum
        }
        let version = buffer.getInteger(at: start + 4, as: UInt8.self) ?? 0
        guard version == Self.version else { throw .newerVersion(version) }
        try self.init(fieldsOf: buffer, at: start, headerBytes: headerBytes)
        try validate()
    }

    private init(fieldsOf buffer: ByteBuffer, at start: Int, headerBytes: Int) throws(BatchFault) {
        guard let kind = buffer.getInteger(at: start + 5, as: UInt8.self).flatMap(BatchKind.init),
            let codec = buffer.getInteger(at: start + 6, as: UInt8.self).flatMap(Codec.init),
            let count = buffer.little(UInt32.self, at: start + 12),
            let first = buffer.little(UInt64.self, at: start + 16),
            let term = buffer.little(UInt64.self, at: start + 24),
            let rawBytes = buffer.little(UInt32.self, at: start + 32),
            let storedBytes = buffer.little(UInt32.self, at: start + 36),
            let payloadChecksum = buffer.little(UInt32.self, at: start + 40),
            let rangeCount = buffer.little(UInt32.self, at: start + 44).map(Int.init)
        else { throw .nonsense("an unknown kind or codec") }
        guard headerBytes == Self.fixedBytes + rangeCount * Self.rangeBytes + Self.checksumBytes else {
            throw .nonsense("\(rangeCount) GTID ranges in a header of \(headerBytes) bytes")
        }
        var ranges: [GTIDRange] = []
        ranges.reserveCapacity(rangeCount)
        for index in 0..<rangeCount {
            ranges.append(try Self.range(in: buffer, at: start + Self.fixedBytes + index * Self.rangeBytes))
        }
        self.kind = kind
        self.codec = codec
        self.first = LSN(first)
        self.count = Int(count)
        self.term = Term(term)
        self.gtidRanges = ranges
        self.rawBytes = Int(rawBytes)
        self.storedBytes = Int(storedBytes)
        self.payloadChecksum = payloadChecksum
    }

    private static func range(in buffer: ByteBuffer, at index: Int) throws(BatchFault) -> GTIDRange {
        guard let domain = buffer.little(UInt32.self, at: index),
            let server = buffer.little(UInt32.self, at: index + 4),
            let first = buffer.little(UInt64.self, at: index + 8),
            let last = buffer.little(UInt64.self, at: index + 16),
            first <= last
        else { throw .nonsense("a GTID range that ends before it begins") }
        return GTIDRange(domain: domain, server: server, first: first, last: last)
    }

    /// Whether the fields agree with each other.
    private func validate() throws(BatchFault) {
        guard count >= 1, count <= Batch.entriesMax else { throw .nonsense("\(count) entries") }
        guard first > .zero, first <= .limit else { throw .nonsense("LSN \(first)") }
        guard term <= .limit else { throw .nonsense("term \(term)") }
        guard rawBytes <= Batch.rawBytesMax else { throw .tooLarge(bytes: rawBytes, limit: Batch.rawBytesMax) }
        switch codec {
        case .none: guard storedBytes == rawBytes else { throw .nonsense("uncompressed, but of two sizes") }
        case .lz4: guard storedBytes < rawBytes else { throw .nonsense("compressed to more than it was") }
        }
        switch kind {
        case .noOp, .membership:
            guard count == 1, gtidRanges.isEmpty else { throw .nonsense("a \(kind) with GTIDs or company") }
        case .fragmentFirst, .fragmentMiddle, .fragmentLast:
            guard count == 1, gtidRanges.count == 1, gtidRanges[0].count == 1 else {
                throw .nonsense("a fragment without its one GTID")
            }
        case .transactions:
            var transactions = 0
            for range in gtidRanges {
                guard range.count <= Batch.entriesMax else { throw .nonsense("a GTID range of \(range.count)") }
                transactions += range.count
            }
            guard transactions == count else { throw .nonsense("\(count) entries with \(transactions) GTIDs") }
        }
    }
}

extension ByteBuffer {
    @inline(__always)
    func little<T: FixedWidthInteger>(_ type: T.Type, at index: Int) -> T? {
        getInteger(at: index, endianness: .little, as: type)
    }

    /// The CRC-32C of `length` readable or already read bytes at `index`, which must lie inside the written part.
    func checksum(at index: Int, length: Int) -> UInt32 {
        precondition(index >= 0 && length >= 0 && index + length <= writerIndex, "a checksum over unwritten bytes")
        return withVeryUnsafeBytes { bytes in
            wolfscale_crc32c(0, bytes.baseAddress.map { $0 + index }, length)
        }
    }
}
