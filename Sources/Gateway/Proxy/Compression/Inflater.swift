import CZlib

/// Reads a zlib stream piece by piece. About 40 KB.
final class Inflater {
    private let stream: UnsafeMutablePointer<z_stream>

    init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = inflateInit_(stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(result == Z_OK, "zlib has no memory for a stream: \(result)")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Begins another stream.
    func reset() { inflateReset(stream) }

    struct Progress {
        var consumed: Int
        var produced: Int
        var isEnded: Bool
    }

    /// Goes on as far as `input` and the room in `output` (not empty) allow. Throws when the bytes are no zlib stream.
    func inflate(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> Progress {
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(output.count)
        let result = CZlib.inflate(stream, Z_NO_FLUSH)
        // Z_BUF_ERROR: nothing could be done with what there is, and more may come.
        guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else {
            throw .damaged("zlib says \(result)")
        }
        return Progress(
            consumed: input.count - Int(stream.pointee.avail_in),
            produced: output.count - Int(stream.pointee.avail_out),
            isEnded: result == Z_STREAM_END)
    }
}
