import NIOCore

/// Turns a client's frames into the bytes in them, a bounded part at a time, however much a frame claims to hold.
struct CompressedFrameDecoder {
    private enum State {
        case header
        case plain(left: Int)
        /// `claimed` is what is left of the length that the frame's header claims.
        case deflated(left: Int, claimed: Int, Inflater)
    }

    private let tools: CompressionTools
    private var state = State.header

    init(tools: CompressionTools) { self.tools = tools }

    /// The next bytes, at most `plainBytesMax`; nil when more of `bytes` is needed. What was used is consumed.
    mutating func next(
        from bytes: inout ByteBuffer, numbers: inout FrameNumbers, plainBytesMax: Int
    ) throws(CompressionError) -> ByteBuffer? {
        while true {
            switch state {
            case .header: guard try readHeader(&bytes, &numbers) else { return nil }
            case .plain(let left):
                guard let part = bytes.readSlice(length: min(left, bytes.readableBytes, plainBytesMax)),
                    part.readableBytes > 0
                else { return nil }
                state = left == part.readableBytes ? .header : .plain(left: left - part.readableBytes)
                return part
            case .deflated(let left, let claimed, let inflater):
                guard bytes.readableBytes > 0 || left == 0 else { return nil }
                let part = try inflate(&bytes, left, claimed, inflater, plainBytesMax)
                if part.readableBytes > 0 { return part }
            }
        }
    }

    private mutating func readHeader(
        _ bytes: inout ByteBuffer, _ numbers: inout FrameNumbers
    ) throws(CompressionError) -> Bool {
        guard bytes.readableBytes >= CompressedFraming.headerBytes,
            let first = bytes.readInteger(endianness: .little, as: UInt32.self),
            let low = bytes.readInteger(endianness: .little, as: UInt16.self),
            let high = bytes.readInteger(as: UInt8.self)
        else { return false }
        try numbers.received(UInt8(first >> 24))
        let length = Int(first & 0xFF_FFFF)
        let claimed = Int(low) | Int(high) << 16
        if claimed == 0 {
            state = length > 0 ? .plain(left: length) : .header
        } else {
            guard length > 0 else { throw .damaged("nothing that claims to be \(claimed) bytes") }
            state = .deflated(left: length, claimed: claimed, tools.takeInflater())
        }
        return true
    }

    private mutating func inflate(
        _ bytes: inout ByteBuffer, _ left: Int, _ claimed: Int, _ inflater: Inflater, _ plainBytesMax: Int
    ) throws(CompressionError) -> ByteBuffer {
        // One byte of room beyond what is claimed: it shows a stream that holds more, and lets one that does not come to its end.
        let roomBytes = min(claimed + 1, plainBytesMax)
        var plain = ByteBuffer()
        var progress = Inflater.Progress(consumed: 0, produced: 0, isEnded: false)
        let failure: CompressionError? = plain.writeWithFailure(minimumBytes: roomBytes) { output in
            bytes.withUnsafeReadableBytes { view in
                let input = UnsafeRawBufferPointer(rebasing: view.prefix(left))
                let room = UnsafeMutableRawBufferPointer(rebasing: output.prefix(roomBytes))
                do throws(CompressionError) {
                    progress = try inflater.inflate(input, into: room)
                    return (progress.produced, nil)
                } catch { return (0, error) }
            }
        }
        if let failure { throw failure }
        guard progress.produced <= claimed else { throw .damaged("more than the \(claimed) bytes that were claimed") }
        bytes.moveReaderIndex(forwardBy: progress.consumed)
        let (left, claimed) = (left - progress.consumed, claimed - progress.produced)
        if progress.isEnded {
            guard left == 0, claimed == 0 else {
                throw .damaged("a stream that ends with \(left) bytes to come and \(claimed) more claimed")
            }
            tools.giveBack(inflater)
            state = .header
        } else {
            guard left > 0 || progress.produced > 0 else { throw .damaged("a stream without an end") }
            state = .deflated(left: left, claimed: claimed, inflater)
        }
        return plain
    }
}

extension ByteBuffer {
    /// Writes what `body` puts into the room that it is given, as many bytes as it says.
    fileprivate mutating func writeWithFailure<Failure>(
        minimumBytes: Int, _ body: (UnsafeMutableRawBufferPointer) -> (Int, Failure?)
    ) -> Failure? {
        var failure: Failure?
        writeWithUnsafeMutableBytes(minimumWritableBytes: minimumBytes) { output in
            let (written, error) = body(output)
            failure = error
            return written
        }
        return failure
    }
}
