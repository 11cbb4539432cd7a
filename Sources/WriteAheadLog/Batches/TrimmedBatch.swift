import ClusterCore
import NIOCore

/// How the bodies of a batch's entries are written shorter for the way to another member. One value sees the bodies of one
/// batch, in order.
public protocol BodyTrimming {
    init()
    /// Appends `body` in a shorter form to `output`; false, and nothing appended, when it has none.
    mutating func trim(_ body: ByteBuffer, to output: inout ByteBuffer) -> Bool
    /// Takes what ``trim(_:to:)`` wrote for a body of `length` bytes from the front of `input` and appends the body to
    /// `output`; false when it can't be one.
    mutating func restore(_ length: Int, from input: inout ByteBuffer, to output: inout ByteBuffer) -> Bool
}

/// A batch as it goes over a line that compresses by itself: uncompressed, and without what the other side can compute.
///
/// A magic number (u32, little-endian), the header of the uncompressed batch with its checksums, then the entries as
/// ``EntryForms`` says.
///
/// What comes out is checked against the header's checksum of the payload, so a body is either as it was or refused.
public enum TrimmedBatch {
    static let magic: UInt32 = 0x3154_5357  // "WST1"

    /// Whether these bytes begin as a trimmed batch does; a batch as it lies in the log begins otherwise.
    public static func isOne(_ bytes: ByteBuffer) -> Bool {
        bytes.little(UInt32.self, at: bytes.readerIndex) == magic
    }

    public static func write<Trimming: BodyTrimming>(_ batch: Batch, _: Trimming.Type) throws(WALError) -> ByteBuffer {
        do throws(BatchFault) {
            let raw = try batch.rawPayload()
            let header = batch.header.uncompressed(
                checksum: raw.checksum(at: raw.readerIndex, length: raw.readableBytes))
            var bytes = ByteBuffer()
            bytes.reserveCapacity(4 + header.headerBytes + header.rawBytes + header.count)
            bytes.writeInteger(magic, endianness: .little)
            header.write(to: &bytes)
            var trimming = Trimming()
            try EntryForms.write(raw, count: header.count, to: &bytes) { trimming.trim($0, to: &$1) }
            return bytes
        } catch { throw .invalidBatch(error) }
    }

    /// - Parameter bytesMax: how large the batch may be as a whole.
    /// - Returns: the batch, uncompressed.
    public static func read<Trimming: BodyTrimming>(
        _ bytes: ByteBuffer, bytesMax: Int, _: Trimming.Type
    ) throws(WALError) -> Batch {
        do throws(BatchFault) {
            var input = bytes
            guard input.readInteger(endianness: .little, as: UInt32.self) == magic else { throw .badMagic(0) }
            let header = try BatchHeader(peeking: input, at: input.readerIndex)
            guard header.codec == .none else { throw .nonsense("a trimmed batch that is compressed") }
            guard header.batchBytes <= bytesMax else { throw .tooLarge(bytes: header.batchBytes, limit: bytesMax) }
            var output = ByteBuffer()
            // Restoring makes a body a quarter longer or so; what claims more grows as it comes out.
            output.reserveCapacity(min(header.batchBytes, 2 * input.readableBytes))
            header.write(to: &output)
            input.moveReaderIndex(forwardBy: header.headerBytes)
            var trimming = Trimming()
            try EntryForms.read(&input, header, to: &output) { trimming.restore($0, from: &$1, to: &$2) }
            guard input.readableBytes == 0 else { throw .payload("bytes after a batch's last entry") }
            return try Batch(restored: output, header)
        } catch { throw .invalidBatch(error) }
    }
}
