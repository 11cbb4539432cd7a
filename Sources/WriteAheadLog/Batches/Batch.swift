import ClusterCore
import NIOCore

/// Consecutive entries of one term, encoded: the unit on disk and on the wire.
public struct Batch: Hashable, Sendable {
    public let header: BatchHeader
    /// Header and payload, exactly as they lie on disk and go on the wire.
    public let bytes: ByteBuffer

    public var first: LSN { header.first }
    public var last: LSN { header.last }
    public var count: Int { header.count }
    public var term: Term { header.term }
    public var kind: BatchKind { header.kind }
    public var gtidRanges: [GTIDRange] { header.gtidRanges }

    /// How many entries a batch holds at most.
    public static let entriesMax = 16_384
    /// How large a payload may be before compression, in bytes. A larger transaction is cut into fragments.
    public static let rawBytesMax = 64 << 20

    init(header: BatchHeader, bytes: ByteBuffer) {
        self.header = header
        self.bytes = bytes
    }

    /// Takes one batch from the front of `buffer`, as a slice of it; the buffer stays as it was when that fails.
    ///
    /// Nothing is allocated for the payload before magic, version, lengths and both checksums have been verified.
    /// - Parameter bytesMax: how large the batch may be as a whole.
    public init(parsing buffer: inout ByteBuffer, bytesMax: Int) throws(WALError) {
        do {
            try self.init(peeking: buffer, at: buffer.readerIndex, bytesMax: bytesMax)
        } catch {
            throw .invalidBatch(error)
        }
        buffer.moveReaderIndex(forwardBy: bytes.readableBytes)
    }

    init(peeking buffer: ByteBuffer, at start: Int, bytesMax: Int = .max) throws(BatchFault) {
        let header = try BatchHeader(peeking: buffer, at: start)
        let size = header.batchBytes
        guard size <= bytesMax else { throw .tooLarge(bytes: size, limit: bytesMax) }
        guard let bytes = buffer.getSlice(at: start, length: size) else {
            throw .incomplete(needed: size, available: buffer.writerIndex - start)
        }
        let payload = start + header.headerBytes
        guard buffer.checksum(at: payload, length: header.storedBytes) == header.payloadChecksum else {
            throw .payloadChecksum
        }
        self.init(header: header, bytes: bytes)
    }
}

extension Batch {
    /// The entries, decompressed if need be. Their bodies are slices of one buffer.
    public func entries() throws(WALError) -> [Entry] {
        do {
            return try decoded()
        } catch {
            throw .invalidBatch(error)
        }
    }

    func decoded() throws(BatchFault) -> [Entry] {
        var payload = try rawPayload()
        return try EntryCoding.read(from: &payload, header: header)
    }

    func rawPayload() throws(BatchFault) -> ByteBuffer {
        var payload = bytes
        payload.moveReaderIndex(forwardBy: header.headerBytes)
        switch header.codec {
        case .none: return payload
        case .lz4: return try LZ4.decompress(payload, rawBytes: header.rawBytes)
        }
    }

    /// The transaction that the entry at `lsn` is, or is a fragment of; nil for other entries and outside the batch.
    public func gtid(at lsn: LSN) -> GTID? { header.gtid(at: lsn) }
}

extension BatchHeader {
    func gtid(at lsn: LSN) -> GTID? {
        guard lsn >= first, lsn <= last else { return nil }
        var index = lsn.rawValue - first.rawValue
        for range in gtidRanges {
            if index < UInt64(range.count) {
                return GTID(domain: range.domain, server: range.server, sequence: range.first + index)
            }
            index -= UInt64(range.count)
        }
        return nil
    }

    /// Where `gtid` lies; nil when it is not in the batch.
    func lsn(of gtid: GTID) -> LSN? {
        var lsn = first
        for range in gtidRanges {
            if range.contains(gtid) { return lsn + Int(gtid.sequence - range.first) }
            lsn = lsn + range.count
        }
        return nil
    }

    /// The first transaction that `position` does not cover; nil when it covers them all.
    func firstLSN(notCoveredBy position: GTIDPosition) -> LSN? {
        var lsn = first
        for range in gtidRanges {
            let covered = position[range.domain]?.sequence
            guard let covered, covered >= range.first else { return lsn }
            if covered < range.last { return lsn + Int(covered - range.first + 1) }
            lsn = lsn + range.count
        }
        return nil
    }
}
