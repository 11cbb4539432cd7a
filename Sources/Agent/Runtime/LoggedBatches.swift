import ClusterCore
import NIOCore
import WANLink
import WriteAheadLog

/// What the links must know of appends to compress them well: their batches lie in the log in LZ4, which is taken off for
/// the way and put on again at the other end. A batch's checksum covers what it holds on either side, so it is checked
/// over the whole way; entries, sizes before compression and terms stay as the leader made them.
struct LoggedBatches: BulkPayloads {
    /// How this node stores what comes.
    let codec: Codec

    func expand(_ parts: [ByteBuffer], bytesMax: Int) throws -> [ByteBuffer] {
        var expandedBytes = 0
        return try recode(parts.joined()) { batch throws(WALError) in
            expandedBytes += batch.header.rawBytes
            return expandedBytes <= bytesMax ? try batch.recoded(.none) : batch
        }
    }

    func pack(_ payload: ByteBuffer) throws -> ByteBuffer {
        try recode(payload) { batch throws(WALError) in try batch.recoded(codec) }.joined()
    }

    private func recode(
        _ payload: ByteBuffer, _ change: (Batch) throws(WALError) -> Batch
    ) throws -> [ByteBuffer] {
        let decoded = try RaftMessageCodec.decode(payload)
        guard case .append(let append) = decoded.message, !decoded.batches.isEmpty else { return [payload] }
        var batches: [ByteBuffer] = []
        for var bytes in decoded.batches {
            batches.append(try change(try Batch(parsing: &bytes, bytesMax: Consensus.batchBytesMax)).bytes)
        }
        return RaftMessageCodec.encodeAppend(append, batches: batches)
    }
}

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
