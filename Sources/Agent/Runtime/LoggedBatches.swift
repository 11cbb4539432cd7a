import ClusterCore
import MariaDBWire
import NIOCore
import WANLink
import WriteAheadLog

/// What the links must know of appends to compress them well: their batches lie in the log in LZ4, which is taken off for
/// the way and put on again at the other end, and with it what can be computed of the binlog events inside. A batch's
/// checksum covers what it holds on either side, so it is checked over the whole way; entries, sizes before compression and
/// terms stay as the leader made them.
struct LoggedBatches: BulkPayloads {
    /// How this node stores what comes.
    let codec: Codec

    func expand(_ parts: [ByteBuffer], bytesMax: Int) throws -> [ByteBuffer] {
        var expandedBytes = 0
        return try change(parts.joined()) { bytes throws(WALError) in
            var rest = bytes
            let batch = try Batch(parsing: &rest, bytesMax: Consensus.batchBytesMax)
            expandedBytes += batch.header.rawBytes
            return expandedBytes <= bytesMax ? try TrimmedBatch.write(batch, EventTrimming.self) : bytes
        }
    }

    func pack(_ payload: ByteBuffer) throws -> ByteBuffer {
        try change(payload) { bytes throws(WALError) in
            if TrimmedBatch.isOne(bytes) {
                return try TrimmedBatch.read(bytes, bytesMax: Consensus.batchBytesMax, EventTrimming.self)
                    .recoded(codec).bytes
            }
            var rest = bytes
            return try Batch(parsing: &rest, bytesMax: Consensus.batchBytesMax).recoded(codec).bytes
        }.joined()
    }

    private func change(
        _ payload: ByteBuffer, _ batch: (ByteBuffer) throws(WALError) -> ByteBuffer
    ) throws -> [ByteBuffer] {
        let decoded = try RaftMessageCodec.decode(payload)
        guard case .append(let append) = decoded.message, !decoded.batches.isEmpty else { return [payload] }
        var batches: [ByteBuffer] = []
        for bytes in decoded.batches { batches.append(try batch(bytes)) }
        return RaftMessageCodec.encodeAppend(append, batches: batches)
    }
}

extension EventTrimming: BodyTrimming {}

extension [ByteBuffer] {
    /// All of them in one.
    fileprivate func joined() -> ByteBuffer {
        if count == 1 { return self[0] }
        var whole = ByteBuffer()
        whole.reserveCapacity(reduce(0) { $0 + $1.readableBytes })
        for part in self { whole.writeImmutableBuffer(part) }
        return whole
    }
}
