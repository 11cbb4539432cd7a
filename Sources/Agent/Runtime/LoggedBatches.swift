import ClusterCore
import MariaDBWire
import NIOCore
import WANLink
import WriteAheadLog

/// What the links must know of appends to compress them well: their batches lie in the log in LZ4, which is taken off for
/// the way and put on again at the other end, and with it what can be computed of the binlog events inside. The batches of a
/// message that is large enough go as one group, in which the rows' values are sorted by table and column. A batch's
/// checksum covers what it holds on either side, so it is checked over the whole way; entries, sizes before compression and
/// terms stay as the leader made them.
struct LoggedBatches: BulkPayloads {
    /// How this node stores what comes.
    let codec: Codec
    private let recent = RecentLayouts()

    /// Columns of a few rows don't compress better than rows.
    static let groupBytesMin = 16 << 10

    init(codec: Codec) { self.codec = codec }

    func expand(_ parts: [ByteBuffer], bytesMax: Int, groups: Bool) throws -> [ByteBuffer] {
        try change(parts.joined()) { stored throws(WALError) in
            var batches: [Batch] = []
            var expandedBytes = 0
            for bytes in stored {
                var rest = bytes
                batches.append(try Batch(parsing: &rest, bytesMax: Consensus.batchBytesMax))
            }
            let fitting = batches.prefix {
                expandedBytes += $0.header.rawBytes
                return expandedBytes <= bytesMax
            }
            let expanded = try expand(Array(fitting), groups: groups)
            return expanded + batches.dropFirst(fitting.count).map { [$0.bytes] }
        }
    }

    private func expand(_ batches: [Batch], groups: Bool) throws(WALError) -> [[ByteBuffer]] {
        let rawBytes = batches.reduce(0) { $0 + $1.header.rawBytes }
        if groups, rawBytes >= Self.groupBytesMin {
            return [try BatchGroup.write(batches, EventSplitter(recent: recent))]
        }
        var expanded: [[ByteBuffer]] = []
        for batch in batches { expanded.append([try TrimmedBatch.write(batch, EventTrimming.self)]) }
        return expanded
    }

    func pack(_ payload: ByteBuffer) throws -> ByteBuffer {
        try change(payload) { received throws(WALError) in
            var packed: [[ByteBuffer]] = []
            for bytes in received {
                for batch in try batches(in: bytes) { packed.append([try batch.recoded(codec).bytes]) }
            }
            return packed
        }.joined()
    }

    private func batches(in bytes: ByteBuffer) throws(WALError) -> [Batch] {
        if BatchGroup.isOne(bytes) { return try BatchGroup.read(bytes, EventJoiner.self) }
        if TrimmedBatch.isOne(bytes) {
            return [try TrimmedBatch.read(bytes, bytesMax: Consensus.batchBytesMax, EventTrimming.self)]
        }
        var rest = bytes
        return [try Batch(parsing: &rest, bytesMax: Consensus.batchBytesMax)]
    }

    private func change(
        _ payload: ByteBuffer, _ batches: ([ByteBuffer]) throws(WALError) -> [[ByteBuffer]]
    ) throws -> [ByteBuffer] {
        let decoded = try RaftMessageCodec.decode(payload)
        guard case .append(let append) = decoded.message, !decoded.batches.isEmpty else { return [payload] }
        return RaftMessageCodec.encodeAppend(append, batches: try batches(decoded.batches))
    }
}

extension EventTrimming: BodyTrimming {}
extension EventSplitter: BodySplitting {}
extension EventJoiner: BodyJoining {}

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
