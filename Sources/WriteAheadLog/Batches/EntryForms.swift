import NIOCore

/// The entries of a batch in the forms that compressing lines carry: as in ``EntryCoding`` but for two things. A source offset is
/// the difference to the one before plus the body's length, and each body has a byte in front of it, 0 when it
/// is as it was and 1 when it was changed.
enum EntryForms {
    /// - Parameter change: Appends the body's other form; false, and nothing appended, when it has none.
    static func write(
        _ payload: ByteBuffer, count: Int, to bytes: inout ByteBuffer,
        change: (ByteBuffer, inout ByteBuffer) -> Bool
    ) throws(BatchFault) {
        var input = payload
        var offsets = OffsetChain()
        for _ in 0..<count {
            let prefix = try EntryPrefix(from: &input)
            guard let body = input.readSlice(length: prefix.bodyBytes) else {
                throw .payload("an entry reaches beyond the end")
            }
            prefix.write(to: &bytes, offset: offsets.difference(prefix))
            let mark = bytes.writerIndex
            bytes.writeInteger(UInt8(1))
            if !change(body, &bytes) {
                bytes.setInteger(UInt8(0), at: mark)
                bytes.writeImmutableBuffer(body)
            }
        }
    }

    /// - Parameter restore: Takes the other form of a body of the given length and appends the body; false when it can't.
    static func read(
        _ input: inout ByteBuffer, _ header: BatchHeader, to output: inout ByteBuffer,
        restore: (Int, inout ByteBuffer, inout ByteBuffer) -> Bool
    ) throws(BatchFault) {
        var offsets = OffsetChain()
        for _ in 0..<header.count {
            let prefix = try EntryPrefix(from: &input)
            prefix.write(to: &output, offset: offsets.offset(prefix))
            guard output.readableBytes + prefix.bodyBytes <= header.batchBytes,
                let form = input.readInteger(as: UInt8.self)
            else { throw .payload("an entry reaches beyond the end") }
            switch form {
            case 0:
                guard let body = input.readSlice(length: prefix.bodyBytes) else { throw .payload("a body is cut off") }
                output.writeImmutableBuffer(body)
            case 1:
                guard restore(prefix.bodyBytes, &input, &output) else {
                    throw .payload("a body's other form makes no sense")
                }
            default: throw .payload("form \(form) of a body")
            }
        }
    }
}

/// Source offsets mostly grow by the length of the body.
private struct OffsetChain {
    private var last: UInt64 = 0

    mutating func difference(_ prefix: EntryPrefix) -> UInt64? {
        guard let offset = prefix.offset else { return nil }
        defer { last = offset }
        return offset &- last &- UInt64(prefix.bodyBytes)
    }

    mutating func offset(_ prefix: EntryPrefix) -> UInt64? {
        guard let difference = prefix.offset else { return nil }
        last = last &+ difference &+ UInt64(prefix.bodyBytes)
        return last
    }
}

extension BatchHeader {
    /// Of the same batch in ``Codec/none``.
    ///
    /// - Parameter checksum: of the payload.
    func uncompressed(checksum: UInt32) -> BatchHeader {
        BatchHeader(
            kind: kind, codec: .none, first: first, count: count, term: term, gtidRanges: gtidRanges,
            rawBytes: rawBytes, storedBytes: rawBytes, payloadChecksum: checksum)
    }
}

extension Batch {
    /// Checks that the payload behind the header is the one that the header speaks of.
    init(restored bytes: ByteBuffer, _ header: BatchHeader) throws(BatchFault) {
        guard bytes.readableBytes == header.batchBytes,
            bytes.checksum(at: header.headerBytes, length: header.rawBytes) == header.payloadChecksum
        else { throw .payloadChecksum }
        self.init(header: header, bytes: bytes)
    }
}
