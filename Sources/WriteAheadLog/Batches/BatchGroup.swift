import ClusterCore
import NIOCore

/// Takes the bodies of a group of batches apart, one after the other.
public protocol BodySplitting {
    /// Appends what remains of `body` to `output`; false, and nothing appended, when it can't be taken apart.
    mutating func split(_ body: ByteBuffer, to output: inout ByteBuffer) -> Bool
    /// What was taken out of all of them, in pieces of bytes of one kind. Called once, at the end.
    mutating func streams() -> [ByteBuffer]
}

/// The other end of a ``BodySplitting``.
public protocol BodyJoining {
    /// - Parameter streams: all pieces in one; nil when they can't be such.
    init?(_ streams: ByteBuffer)
    /// Takes what remained of a body of `length` bytes from the front of `input` and appends the body to `output`; false
    /// when it can't be one.
    mutating func join(_ length: Int, from input: inout ByteBuffer, to output: inout ByteBuffer) -> Bool
}

/// Several batches as they go together over a line that compresses by itself: uncompressed, and sorted by what their bytes are.
///
/// A magic number, the number of batches, the length of the following without the streams (each u32, little-endian); then each batch as in
/// ``TrimmedBatch``, with what remained of a body in place of a trimmed one; then the streams.
///
/// Each batch that comes out is checked against its header's checksum of the payload, so a body is either as it was or refused.
public enum BatchGroup {
    static let magic: UInt32 = 0x3147_5357  // "WSG1"
    private static let prefixBytes = 12
    /// The batches of a group together, as they come out.
    public static let bytesMax = 16 << 20

    /// Whether these bytes begin as a group does; a batch by itself begins otherwise.
    public static func isOne(_ bytes: ByteBuffer) -> Bool {
        bytes.little(UInt32.self, at: bytes.readerIndex) == magic
    }

    /// - Returns: the group in pieces, of which large ones hold bytes of one kind.
    public static func write(_ batches: [Batch], _ splitting: some BodySplitting) throws(WALError) -> [ByteBuffer] {
        var splitting = splitting
        var skeleton = ByteBuffer()
        skeleton.writeMultipleIntegers(magic, UInt32(batches.count), UInt32(0), endianness: .little)
        do throws(BatchFault) {
            for batch in batches { try write(batch, to: &skeleton, &splitting) }
        } catch { throw .invalidBatch(error) }
        skeleton.setInteger(UInt32(skeleton.writerIndex - prefixBytes), at: 8, endianness: .little)
        return [skeleton] + splitting.streams()
    }

    private static func write(
        _ batch: Batch, to bytes: inout ByteBuffer, _ splitting: inout some BodySplitting
    ) throws(BatchFault) {
        let raw = try batch.rawPayload()
        batch.header.uncompressed(checksum: raw.checksum(at: raw.readerIndex, length: raw.readableBytes))
            .write(to: &bytes)
        try EntryForms.write(raw, count: batch.header.count, to: &bytes) { splitting.split($0, to: &$1) }
    }

    /// - Returns: the batches, uncompressed.
    public static func read<Joining: BodyJoining>(
        _ bytes: ByteBuffer, bytesMax: Int = bytesMax, _: Joining.Type
    ) throws(WALError) -> [Batch] {
        do throws(BatchFault) {
            var input = bytes
            guard
                let (mark, count, length) = input.readMultipleIntegers(
                    endianness: .little, as: (UInt32, UInt32, UInt32).self), mark == magic
            else { throw .badMagic(0) }
            guard var skeleton = input.readSlice(length: Int(length)), var joining = Joining(input) else {
                throw .payload("the streams of a group make no sense")
            }
            var batches: [Batch] = []
            var left = bytesMax
            for _ in 0..<count {
                let batch = try read(&skeleton, bytesMax: left, &joining)
                left -= batch.header.batchBytes
                batches.append(batch)
            }
            guard skeleton.readableBytes == 0 else { throw .payload("bytes after a group's last batch") }
            return batches
        } catch { throw .invalidBatch(error) }
    }

    private static func read(
        _ input: inout ByteBuffer, bytesMax: Int, _ joining: inout some BodyJoining
    ) throws(BatchFault) -> Batch {
        let header = try BatchHeader(peeking: input, at: input.readerIndex)
        guard header.codec == .none else { throw .nonsense("a batch that is compressed in a group") }
        guard header.batchBytes <= bytesMax else { throw .tooLarge(bytes: header.batchBytes, limit: bytesMax) }
        input.moveReaderIndex(forwardBy: header.headerBytes)
        var output = ByteBuffer()
        output.reserveCapacity(header.batchBytes)
        header.write(to: &output)
        try EntryForms.read(&input, header, to: &output) { joining.join($0, from: &$1, to: &$2) }
        return try Batch(restored: output, header)
    }
}
