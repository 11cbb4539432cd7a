import NIOCore

/// One received frame whose checksum was right.
struct Frame: Equatable, Sendable {
    var type: FrameType
    /// A slice of the read buffer when the frame lay in one read, else a buffer of its own.
    var payload: ByteBuffer
}

/// Cuts a byte stream into frames: call ``append(_:)`` with each read, then ``next()`` until it gives nil.
///
/// It holds at most one unfinished frame. Memory follows the bytes that really arrived, not the announced length, and
/// the announced length is checked against ``frameBytesMax`` before anything is reserved. After an error the stream is
/// out of step and the decoder must not be used again.
struct FrameDecoder {
    /// The longest payload accepted. May be changed between frames, as the handshake does.
    var frameBytesMax: Int

    /// Reserved at once for a payload that is still under way; beyond it the buffer grows with what arrives.
    private static let reserveBytesMax = 1 << 20

    private var input = ByteBuffer()
    private var headerBytes = ByteBuffer()
    private var partial: Partial?

    private struct Partial {
        let header: FrameHeader
        var payload: ByteBuffer
        var checksum: UInt32
        var missing: Int { Int(header.length) - payload.readableBytes }
    }

    /// What is reserved for a payload under way.
    var reservedBytes: Int { partial?.payload.capacity ?? 0 }

    init(frameBytesMax: Int) { self.frameBytesMax = frameBytesMax }

    /// - Precondition: ``next()`` has given nil since the last call.
    mutating func append(_ bytes: ByteBuffer) {
        precondition(input.readableBytes == 0, "append before all frames of the last read were taken")
        input = bytes
    }

    mutating func next() throws(FrameError) -> Frame? {
        if partial != nil { return try continuePartial() }
        guard let header = try nextHeader() else { return nil }
        if let payload = input.readSlice(length: Int(header.length)) {
            return try finish(header, payload, checksum: payload.crc32c(seed: header.checksumSeed))
        }
        var payload = ByteBuffer()
        payload.reserveCapacity(min(Int(header.length), FrameDecoder.reserveBytesMax))
        partial = Partial(header: header, payload: payload, checksum: header.checksumSeed)
        return try continuePartial()
    }

    private mutating func nextHeader() throws(FrameError) -> FrameHeader? {
        if headerBytes.readableBytes == 0, input.readableBytes >= FrameHeader.byteCount {
            return try FrameHeader.read(from: &input, frameBytesMax: frameBytesMax)
        }
        let missing = FrameHeader.byteCount - headerBytes.readableBytes
        if var piece = input.readSlice(length: min(missing, input.readableBytes)) { headerBytes.writeBuffer(&piece) }
        guard headerBytes.readableBytes == FrameHeader.byteCount else {
            // An idle connection holds no read buffer.
            input = ByteBuffer()
            return nil
        }
        defer { headerBytes.clear() }
        return try FrameHeader.read(from: &headerBytes, frameBytesMax: frameBytesMax)
    }

    private mutating func continuePartial() throws(FrameError) -> Frame? {
        guard var now = partial.take() else { return nil }
        if var piece = input.readSlice(length: min(now.missing, input.readableBytes)) {
            now.checksum = piece.crc32c(seed: now.checksum)
            now.payload.writeBuffer(&piece)
        }
        guard now.missing == 0 else {
            partial = now
            return nil
        }
        return try finish(now.header, now.payload, checksum: now.checksum)
    }

    private func finish(_ header: FrameHeader, _ payload: ByteBuffer, checksum: UInt32) throws(FrameError) -> Frame {
        guard checksum == header.checksum else { throw .checksum(type: header.type, length: header.length) }
        return Frame(type: header.type, payload: payload)
    }
}
