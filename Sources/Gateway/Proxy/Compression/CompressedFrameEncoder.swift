import MariaDBWire
import NIOCore

/// Puts packets for a client into frames.
///
/// A packet of up to 16 MB comes whole in one frame, as many small ones as are there together, and a header is never cut: clients rely on
/// more of what servers do than the protocol says (Connector/Python puts no more than two frames together). So of a large packet the
/// compressed bytes are held until its end, 16 MB at most; nothing else is.
struct CompressedFrameEncoder {
    private enum State {
        case header
        case small(left: Int)
        case large(left: Int, LargeFrame)
    }

    private let tools: CompressionTools
    private var state = State.header
    /// A header that has not come whole.
    private var header = ByteBuffer()
    /// Packets for the next frame; the first ``wholeBytes`` are whole ones.
    private var plain = ByteBuffer()
    private var wholeBytes = 0

    init(tools: CompressionTools) { self.tools = tools }

    /// Whether no packet has been begun that has not ended.
    var isBetweenPackets: Bool {
        if case .header = state { return header.readableBytes == 0 }
        return false
    }

    /// Takes bytes of a stream of packets; `emit` gets frames that are full.
    mutating func append(_ bytes: ByteBuffer, _ numbers: inout FrameNumbers, emit: (ByteBuffer) -> Void) {
        var bytes = bytes
        while bytes.readableBytes > 0 {
            switch state {
            case .header:
                let missing = PacketFraming.headerBytes - header.readableBytes
                if let part = bytes.readSlice(length: min(missing, bytes.readableBytes)) {
                    header.writeImmutableBuffer(part)
                }
                if header.readableBytes == PacketFraming.headerBytes { begin(&numbers, emit) }
            case .small(let left):
                guard let part = bytes.readSlice(length: min(left, bytes.readableBytes)) else { return }
                plain.writeImmutableBuffer(part)
                become(.small(left: left - part.readableBytes))
            case .large(let left, let frame):
                let count = min(left, bytes.readableBytes, frame.plainLeft)
                guard let part = bytes.readSlice(length: count) else { return }
                frame.append(part)
                if frame.plainLeft == 0 { emit(frame.end(number: numbers.takeNext())) }
                let rest = left - count
                let next = frame.plainLeft > 0 || rest == 0 ? frame : LargeFrame(plainBytes: rest, tools)
                become(.large(left: rest, next))
            }
        }
    }

    /// Gives the whole packets that there are.
    mutating func flush(_ numbers: inout FrameNumbers, emit: (ByteBuffer) -> Void) {
        guard wholeBytes > 0, let packets = plain.readSlice(length: wholeBytes) else { return }
        emit(frame(packets, number: numbers.takeNext()))
        wholeBytes = 0
        // An idle client holds nothing.
        plain = plain.readableBytes == 0 ? ByteBuffer() : ByteBuffer(bytes: plain.readableBytesView)
    }

    private mutating func begin(_ numbers: inout FrameNumbers, _ emit: (ByteBuffer) -> Void) {
        let count =
            Int(header.getInteger(at: header.readerIndex, endianness: .little, as: UInt32.self) ?? 0) & 0xFF_FFFF
        let all = PacketFraming.headerBytes + count
        if plain.readableBytes + all > CompressedFraming.plainBytesPerFrame { flush(&numbers, emit: emit) }
        if all > CompressedFraming.plainBytesPerFrame {
            let frame = LargeFrame(plainBytes: all, tools)
            frame.append(header)
            become(.large(left: count, frame))
        } else {
            plain.writeImmutableBuffer(header)
            become(.small(left: count))
        }
        header.clear()
    }

    private mutating func become(_ next: State) {
        switch next {
        case .small(left: 0), .large(left: 0, _):
            state = .header
            wholeBytes = plain.readableBytes
        case .small, .large, .header: state = next
        }
    }

    private func frame(_ packets: ByteBuffer, number: UInt8) -> ByteBuffer {
        let count = packets.readableBytes
        var frame = ByteBuffer()
        let isCompressed =
            count >= CompressedFraming.compressedBytesMin
            && tools.compress(packets) { bytes in
                frame.reserveCapacity(CompressedFraming.headerBytes + bytes.count)
                frame.writeCompressedHeader(length: bytes.count, number: number, plainBytes: count)
                frame.writeBytes(bytes)
            }
        if !isCompressed {
            frame.writeCompressedHeader(length: count, number: number, plainBytes: 0)
            frame.writeImmutableBuffer(packets)
        }
        return frame
    }
}

/// A frame for a packet that does not come at once.
final class LargeFrame {
    /// What zlib makes of this is never longer than a frame may be.
    static let plainBytesMax = CompressedFraming.payloadBytesMax - (64 << 10)

    private let plainBytes: Int
    private(set) var plainLeft: Int
    private let tools: CompressionTools
    private let deflater: Deflater
    private var output = ByteBuffer()

    /// - Parameter plainBytes: what is to come; the frame takes what it can of it.
    init(plainBytes: Int, _ tools: CompressionTools) {
        self.plainBytes = min(plainBytes, Self.plainBytesMax)
        plainLeft = self.plainBytes
        self.tools = tools
        deflater = tools.takeDeflater()
        output.writeCompressedHeader(length: 0, number: 0, plainBytes: 0)
    }

    /// - Parameter part: no more than ``plainLeft``.
    func append(_ part: ByteBuffer) {
        plainLeft -= part.readableBytes
        part.withUnsafeReadableBytes { deflater.append($0, isLast: plainLeft == 0, to: &output) }
    }

    func end(number: UInt8) -> ByteBuffer {
        tools.giveBack(deflater)
        var header = ByteBuffer()
        header.writeCompressedHeader(
            length: output.readableBytes - CompressedFraming.headerBytes, number: number, plainBytes: plainBytes)
        output.setBuffer(header, at: output.readerIndex)
        return output
    }
}

extension ByteBuffer {
    /// - Parameter plainBytes: the length before compression; 0 for a frame that is not compressed.
    mutating func writeCompressedHeader(length: Int, number: UInt8, plainBytes: Int) {
        writeInteger(UInt32(length) | UInt32(number) << 24, endianness: .little)
        writeInteger(UInt16(truncatingIfNeeded: plainBytes), endianness: .little)
        writeInteger(UInt8(plainBytes >> 16))
    }
}
