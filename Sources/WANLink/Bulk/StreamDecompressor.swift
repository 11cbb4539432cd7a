import CZstd
import NIOCore

/// The other end of a ``StreamCompressor``.
///
/// `@unchecked Sendable`: used by one job at a time.
final class StreamDecompressor: @unchecked Sendable {
    private let context: OpaquePointer
    /// Reserved at once for a piece; beyond it the buffer grows with what really comes out.
    private static let reserveBytesMax = 1 << 20

    init() throws(BulkError) {
        guard let context = ZSTD_createDCtx() else { throw .decompression("no memory for it") }
        self.context = context
        _ = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, StreamCompressor.windowLog)
    }

    deinit { ZSTD_freeDCtx(context) }

    /// One piece. It must give exactly `rawBytes`, which the caller has bounded; nothing beyond is ever written.
    func decompress(_ piece: ByteBuffer, rawBytes: Int) throws(BulkError) -> ByteBuffer {
        var output = ByteBuffer()
        output.reserveCapacity(min(rawBytes, StreamDecompressor.reserveBytesMax))
        var consumed = 0
        var isStalled = false
        while !isStalled {
            let room = min(rawBytes - output.readableBytes, StreamDecompressor.reserveBytesMax)
            let (taken, given) = (consumed, output.readableBytes)
            var result = 0
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { space in
                piece.withUnsafeReadableBytes { bytes in
                    var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: consumed)
                    var target = ZSTD_outBuffer(dst: space.baseAddress, size: room, pos: 0)
                    result = ZSTD_decompressStream(context, &target, &source)
                    consumed = source.pos
                    return target.pos
                }
            }
            guard ZSTD_isError(result) == 0 else {
                throw .decompression(String(cString: ZSTD_getErrorName(result)))
            }
            isStalled = consumed == taken && output.readableBytes == given
        }
        guard consumed == piece.readableBytes, output.readableBytes == rawBytes else {
            throw .decompression("\(piece.readableBytes) bytes do not hold the \(rawBytes) that were announced")
        }
        return output
    }
}
