import CLZ4
import NIOCore

/// LZ4 blocks by liblz4.
enum LZ4 {
    /// Appends the compressed bytes of `raw` to `output`; false, and nothing appended, when that would not be shorter.
    static func compress(_ raw: ByteBuffer, to output: inout ByteBuffer) -> Bool {
        let size = raw.readableBytes
        guard size > 1 else { return false }
        let written = output.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { space in
            raw.withUnsafeReadableBytes { bytes in
                Int(
                    LZ4_compress_default(
                        bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                        space.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(size), Int32(size - 1)))
            }
        }
        return written > 0
    }

    /// - Parameter rawBytes: the exact size that must come out, bounded by the caller.
    static func decompress(_ stored: ByteBuffer, rawBytes: Int) throws(BatchFault) -> ByteBuffer {
        var raw = ByteBufferAllocator().buffer(capacity: rawBytes)
        var result = 0
        raw.writeWithUnsafeMutableBytes(minimumWritableBytes: rawBytes) { space in
            result = stored.withUnsafeReadableBytes { bytes in
                Int(
                    LZ4_decompress_safe(
                        bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                        space.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count), Int32(rawBytes)))
            }
            return max(result, 0)
        }
        guard result == rawBytes else { throw .payload("LZ4 gave \(result) bytes instead of \(rawBytes)") }
        return raw
    }
}
