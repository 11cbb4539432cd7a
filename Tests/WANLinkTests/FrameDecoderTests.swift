import ClusterCore
import NIOCore
import Testing

@testable import WANLink

@Suite struct FrameDecoderTests {
    private static let frames: [Frame] = [
        Frame(type: .hello, payload: ByteBuffer(string: "hello")),
        Frame(type: .ping, payload: ByteBuffer()),
        Frame(type: .control, payload: ByteBuffer(repeating: 3, count: 100)),
        Frame(type: .bulk, payload: ByteBuffer(repeating: 9, count: 1_000)),
    ]

    static func bytes(_ type: FrameType, _ parts: [ByteBuffer]) -> ByteBuffer {
        var bytes = ByteBuffer()
        FrameHeader.write(type: type, parts: parts, to: &bytes)
        for part in parts { bytes.writeImmutableBuffer(part) }
        return bytes
    }

    private static var stream: ByteBuffer {
        frames.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer(bytes($1.type, [$1.payload])) }
    }

    private static func decode(_ pieces: [ByteBuffer], frameBytesMax: Int = 1_000) throws -> [Frame] {
        var decoder = FrameDecoder(frameBytesMax: frameBytesMax)
        var frames: [Frame] = []
        for piece in pieces {
            decoder.append(piece)
            while let frame = try decoder.next() { frames.append(frame) }
        }
        return frames
    }

    @Test func theLayoutOfAFrameIsFixed() {
        let bytes = FrameDecoderTests.bytes(.control, [ByteBuffer(string: "ab"), ByteBuffer(string: "c")])
        let header: [UInt8] = [0x57, 0x4C, 1, 6, 0, 0, 0, 0, 0, 0, 0, 3]
        #expect(Array(bytes.readableBytesView.prefix(12)) == header)
        let whole = ByteBuffer(bytes: header + Array("abc".utf8))
        #expect(bytes.getInteger(at: 12, as: UInt32.self) == whole.crc32c(seed: 0))
        #expect(Array(bytes.readableBytesView.dropFirst(16)) == Array("abc".utf8))
    }

    @Test func framesComeOutByteByByte() throws {
        let stream = FrameDecoderTests.stream
        let pieces = stream.readableBytesView.map { ByteBuffer(bytes: [$0]) }
        #expect(try FrameDecoderTests.decode(pieces) == FrameDecoderTests.frames)
    }

    @Test(arguments: 1...40) func framesComeOutOfPiecesOfAnySize(size: Int) throws {
        var stream = FrameDecoderTests.stream
        var pieces: [ByteBuffer] = []
        while let piece = stream.readSlice(length: min(size * 7, stream.readableBytes)), piece.readableBytes > 0 {
            pieces.append(piece)
        }
        #expect(try FrameDecoderTests.decode(pieces) == FrameDecoderTests.frames)
    }

    @Test func aPayloadInOneReadIsASliceOfIt() throws {
        let bytes = FrameDecoderTests.bytes(.bulk, [ByteBuffer(repeating: 1, count: 500)])
        let frame = try #require(try FrameDecoderTests.decode([bytes]).first)
        let inside = bytes.withUnsafeReadableBytes { outer in
            frame.payload.withUnsafeReadableBytes { inner in
                inner.baseAddress == outer.baseAddress.map { $0 + FrameHeader.byteCount }
            }
        }
        #expect(inside)
    }

    @Test func aTooLongFrameIsRefusedFromItsHeaderAlone() {
        var header = ByteBuffer()
        header.writeMultipleIntegers(
            FrameHeader.magic, FrameHeader.version, FrameType.bulk.rawValue, UInt32(0), UInt32.max, UInt32(0))
        #expect(throws: FrameError.tooLong(length: .max, frameBytesMax: 1_000)) {
            try FrameDecoderTests.decode([header])
        }
    }

    @Test func anAnnouncedLengthReservesNoMoreThanAMebibyte() throws {
        var header = ByteBuffer()
        header.writeMultipleIntegers(
            FrameHeader.magic, FrameHeader.version, FrameType.bulk.rawValue, UInt32(0), UInt32(1 << 30), UInt32(0))
        var decoder = FrameDecoder(frameBytesMax: 1 << 30)
        decoder.append(header)
        let frame = try decoder.next()
        #expect(frame == nil)
        #expect(decoder.reservedBytes <= 1 << 20)
    }

    @Test(arguments: [
        (0, UInt8(0), FrameError.notOurProtocol(magic: 0x004C)), (2, 9, .version(9)), (3, 0, .unknownType(0)),
        (3, 200, .unknownType(200)), (4, 1, .unknownFlags(1)), (5, 1, .unknownFlags(0)), (7, 1, .unknownFlags(0)),
        (15, 0xAA, .checksum(type: .control, length: 3)), (16, 0, .checksum(type: .control, length: 3)),
        (3, 7, .checksum(type: .bulk, length: 3)),
    ])
    func aWrongByteIsNoticed(at index: Int, value: UInt8, error: FrameError) {
        var bytes = FrameDecoderTests.bytes(.control, [ByteBuffer(string: "abc")])
        bytes.setInteger(value, at: index)
        #expect(throws: error) { try FrameDecoderTests.decode([bytes]) }
    }

    @Test(arguments: 0..<200) func flippedBitsAndRandomBytesNeverTrap(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var stream = FrameDecoderTests.stream
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let index = Int.random(in: 0..<stream.readableBytes, using: &random)
            stream.setInteger(UInt8.random(in: 0...255, using: &random), at: index)
        }
        if seed % 4 == 0 {
            stream = ByteBuffer(bytes: (0..<2_000).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        var pieces: [ByteBuffer] = []
        while stream.readableBytes > 0,
            let piece = stream.readSlice(
                length: min(Int.random(in: 1...400, using: &random), stream.readableBytes))
        {
            pieces.append(piece)
        }
        // Whatever comes out before the error is one of the frames that went in.
        do {
            for frame in try FrameDecoderTests.decode(pieces) { #expect(FrameDecoderTests.frames.contains(frame)) }
        } catch { #expect(error is FrameError) }
    }
}
