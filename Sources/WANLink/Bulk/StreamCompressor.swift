import CZstd
import NIOCore

/// One zstd stream over the frames of a session: each frame is flushed, so that the receiver can use it at once, and
/// what came before serves as history for what follows.
///
/// `@unchecked Sendable`: used by one job at a time.
final class StreamCompressor: @unchecked Sendable {
    /// The history, 2^n bytes. The receiver refuses more.
    static let windowLog: Int32 = 22
    static let levels = 1...9
    /// A sorted part of so many bytes ends its zstd block, so that parts of another kind get statistics of their own: with blocks of
    /// 128 KB, levels 1 to 9 would have one for all columns.
    static let ownBlockBytesMin = 2_048
    /// Shorter matches in digits and the like are chance, and cost more than the digits do. The lowest levels have this by
    /// themselves, the others find shorter ones. Levels 7 and 9 take 6 instead.
    private static let matchBytesMin: Int32 = 7

    private let context: OpaquePointer
    private var level = 0
    private var isInsideZstdFrame = false

    init() throws(BulkError) {
        guard let context = ZSTD_createCCtx() else { throw .compression("no memory for it") }
        self.context = context
    }

    deinit { ZSTD_freeCCtx(context) }

    /// Compresses `parts` as one piece. Another level than before begins the history anew: zstd changes it only between
    /// its frames.
    ///
    /// - Parameter areSorted: Large parts hold bytes of one kind each.
    func compress(_ parts: [ByteBuffer], level wanted: Int, areSorted: Bool = false) throws(BulkError) -> ByteBuffer {
        var output = ByteBuffer()
        output.reserveCapacity(4_096 + parts.reduce(0) { $0 + $1.readableBytes } / 2)
        if wanted != level {
            if isInsideZstdFrame { try push(ByteBuffer(), ZSTD_e_end, to: &output) }
            isInsideZstdFrame = false
            try set(ZSTD_c_compressionLevel, Int32(wanted))
            try set(ZSTD_c_windowLog, StreamCompressor.windowLog)
            try set(ZSTD_c_minMatch, StreamCompressor.matchBytesMin)
            level = wanted
        }
        isInsideZstdFrame = true
        for part in parts {
            let endsBlock = areSorted && part.readableBytes >= StreamCompressor.ownBlockBytesMin
            try push(part, endsBlock ? ZSTD_e_flush : ZSTD_e_continue, to: &output)
        }
        try push(ByteBuffer(), ZSTD_e_flush, to: &output)
        return output
    }

    private func set(_ parameter: ZSTD_cParameter, _ value: Int32) throws(BulkError) {
        _ = try check(ZSTD_CCtx_setParameter(context, parameter, value))
    }

    /// Feeds `input` until all of it is taken and, for an end or a flush, all that belongs to it is out.
    private func push(_ input: ByteBuffer, _ directive: ZSTD_EndDirective, to output: inout ByteBuffer)
        throws(BulkError)
    {
        var consumed = 0
        var left = 0
        repeat {
            var result = 0
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: 16_384) { space in
                input.withUnsafeReadableBytes { bytes in
                    var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: consumed)
                    var target = ZSTD_outBuffer(dst: space.baseAddress, size: space.count, pos: 0)
                    result = ZSTD_compressStream2(context, &target, &source, directive)
                    consumed = source.pos
                    return target.pos
                }
            }
            left = try check(result)
        } while directive == ZSTD_e_continue ? consumed < input.readableBytes : left > 0
    }

    private func check(_ result: Int) throws(BulkError) -> Int {
        guard ZSTD_isError(result) == 0 else { throw .compression(String(cString: ZSTD_getErrorName(result))) }
        return result
    }
}
