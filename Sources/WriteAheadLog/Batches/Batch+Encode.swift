import ClusterCore
import NIOCore

extension Batch {
    /// Encodes entries that follow each other from `first` on. With ``Codec/lz4`` a payload that does not shrink is
    /// stored as it is.
    ///
    /// Throws ``WALError/invalidEntries(_:)`` when the entries cannot share a batch (only transactions can) or lack
    /// their GTID, ``WALError/tooLarge(what:actual:limit:)`` over ``entriesMax`` or ``rawBytesMax``.
    public static func encode(_ entries: [Entry], first: LSN, term: Term, codec: Codec) throws(WALError) -> Batch {
        let kind = try commonKind(of: entries)
        guard first > .zero, first < .limit else { throw .invalidEntries("no entry can have LSN \(first)") }
        let ranges = try gtidRanges(of: entries, kind: kind)
        let rawBytes = try EntryCoding.size(of: entries)
        let headerBytes = BatchHeader.fixedBytes + ranges.count * BatchHeader.rangeBytes + BatchHeader.checksumBytes

        var bytes = ByteBufferAllocator().buffer(capacity: headerBytes + rawBytes)
        bytes.writeRepeatingByte(0, count: headerBytes)
        var storedCodec = Codec.none
        switch codec {
        case .none:
            EntryCoding.write(entries, to: &bytes)
        case .lz4:
            var raw = ByteBufferAllocator().buffer(capacity: rawBytes)
            EntryCoding.write(entries, to: &raw)
            storedCodec = store(raw, codec: codec, in: &bytes)
        }
        return finish(
            bytes, kind: kind, codec: storedCodec, first: first, count: entries.count, term: term, ranges: ranges,
            rawBytes: rawBytes)
    }

    /// The same entries with the payload in another codec, or as it is when that does not shrink it. What comes out
    /// does not depend on how the payload was stored before, only on the release of liblz4.
    public func recoded(_ codec: Codec) throws(WALError) -> Batch {
        if header.codec == codec { return self }
        let raw: ByteBuffer
        do throws(BatchFault) { raw = try rawPayload() } catch { throw .invalidBatch(error) }
        var bytes = ByteBufferAllocator().buffer(capacity: header.headerBytes + raw.readableBytes)
        bytes.writeRepeatingByte(0, count: header.headerBytes)
        let stored = Batch.store(raw, codec: codec, in: &bytes)
        return Batch.finish(
            bytes, kind: kind, codec: stored, first: first, count: count, term: term, ranges: gtidRanges,
            rawBytes: header.rawBytes)
    }

    /// - Returns: the codec in which `raw` was appended.
    private static func store(_ raw: ByteBuffer, codec: Codec, in bytes: inout ByteBuffer) -> Codec {
        if codec == .lz4, LZ4.compress(raw, to: &bytes) { return .lz4 }
        bytes.writeImmutableBuffer(raw)
        return .none
    }

    /// Puts the header into the space that was left for it in front of the payload.
    private static func finish(
        _ content: ByteBuffer, kind: BatchKind, codec: Codec, first: LSN, count: Int, term: Term, ranges: [GTIDRange],
        rawBytes: Int
    ) -> Batch {
        var bytes = content
        let headerBytes = BatchHeader.fixedBytes + ranges.count * BatchHeader.rangeBytes + BatchHeader.checksumBytes
        let storedBytes = bytes.writerIndex - headerBytes
        let header = BatchHeader(
            kind: kind, codec: codec, first: first, count: count, term: term, gtidRanges: ranges,
            rawBytes: rawBytes, storedBytes: storedBytes,
            payloadChecksum: bytes.checksum(at: headerBytes, length: storedBytes))
        bytes.moveWriterIndex(to: 0)
        header.write(to: &bytes)
        bytes.moveWriterIndex(to: headerBytes + storedBytes)
        return Batch(header: header, bytes: bytes)
    }

    private static func commonKind(of entries: [Entry]) throws(WALError) -> BatchKind {
        guard let head = entries.first else { throw .invalidEntries("there are none") }
        guard entries.count <= entriesMax else {
            throw .tooLarge(what: "entries in a batch", actual: entries.count, limit: entriesMax)
        }
        guard let kind = BatchKind(holding: head) else {
            throw .invalidEntries("a \(head.kind) with part \(head.part as Any)")
        }
        guard entries.count == 1 || kind == .transactions else {
            throw .invalidEntries("a \(head.kind) shares no batch")
        }
        for entry in entries where BatchKind(holding: entry) != kind {
            throw .invalidEntries("a \(entry.kind) in a batch of \(kind)")
        }
        return kind
    }

    private static func gtidRanges(of entries: [Entry], kind: BatchKind) throws(WALError) -> [GTIDRange] {
        switch kind {
        case .noOp, .membership:
            guard entries[0].gtid == nil else { throw .invalidEntries("a \(kind) has no GTID") }
            return []
        case .transactions, .fragmentFirst, .fragmentMiddle, .fragmentLast:
            var ranges: [GTIDRange] = []
            for entry in entries {
                guard let gtid = entry.gtid else { throw .invalidEntries("a \(entry.kind) without its GTID") }
                if ranges.isEmpty || !ranges[ranges.count - 1].extend(by: gtid) { ranges.append(GTIDRange(gtid)) }
            }
            return ranges
        }
    }
}
