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
/// A magic number (u32, little-endian), the header of the uncompressed batch with its checksums, then the entries as in
/// ``EntryCoding`` but for two things: a source offset is the difference to the one before plus the body's length,
/// and each body has a byte in front of it, 1 when it is trimmed and 0 when it is as it was.
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
            var input = raw
            var offsets = OffsetChain()
            var trimming = Trimming()
            for _ in 0..<header.count {
                let prefix = try EntryPrefix(from: &input)
                guard let body = input.readSlice(length: prefix.bodyBytes) else {
                    throw .payload("an entry reaches beyond the end")
                }
                prefix.write(to: &bytes, offset: offsets.difference(prefix))
                let mark = bytes.writerIndex
                bytes.writeInteger(UInt8(1))
                if !trimming.trim(body, to: &bytes) {
                    bytes.setInteger(UInt8(0), at: mark)
                    bytes.writeImmutableBuffer(body)
                }
            }
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
            try restore(&input, header, to: &output, Trimming())
            guard input.readableBytes == 0, output.readableBytes == header.batchBytes,
                output.checksum(at: header.headerBytes, length: header.rawBytes) == header.payloadChecksum
            else { throw .payloadChecksum }
            return Batch(header: header, bytes: output)
        } catch { throw .invalidBatch(error) }
    }

    private static func restore<Trimming: BodyTrimming>(
        _ input: inout ByteBuffer, _ header: BatchHeader, to output: inout ByteBuffer, _ trimming: Trimming
    ) throws(BatchFault) {
        var trimming = trimming
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
                guard trimming.restore(prefix.bodyBytes, from: &input, to: &output) else {
                    throw .payload("a trimmed body makes no sense")
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
    fileprivate func uncompressed(checksum: UInt32) -> BatchHeader {
        BatchHeader(
            kind: kind, codec: .none, first: first, count: count, term: term, gtidRanges: gtidRanges,
            rawBytes: rawBytes,
            storedBytes: rawBytes, payloadChecksum: checksum)
    }
}
