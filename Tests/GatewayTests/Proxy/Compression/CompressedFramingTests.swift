import ClusterCore
import LabSupport
import MariaDBWire
import NIOCore
import Testing

@testable import Gateway

@Suite("Frames of the compressed protocol") struct CompressedFramingTests {
    private let tools = CompressionTools()

    private func frame(_ plain: [UInt8], number: UInt8 = 0) -> [UInt8] {
        CompressingClient.compressed(plain, number: number)
    }

    /// Gives the bytes in pieces of that size; what comes out, no part of it larger than `partBytesMax`.
    private func decode(
        _ bytes: [UInt8], pieceBytes: Int = .max, partBytesMax: Int = 1 << 16, limit: Int = .max
    ) throws(CompressionError) -> [UInt8] {
        var decoder = CompressedFrameDecoder(tools: tools)
        var numbers = FrameNumbers()
        var held = ByteBuffer()
        var plain: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(pieceBytes)
            rest = rest.dropFirst(piece.count)
            held.writeBytes(piece)
            while plain.count < limit,
                let part = try decoder.next(from: &held, numbers: &numbers, plainBytesMax: partBytesMax)
            {
                #expect(part.readableBytes > 0 && part.readableBytes <= partBytesMax)
                plain += Array(buffer: part)
            }
        }
        return plain
    }

    @Test func whatWasFramedComesOut() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("compressed frames: seed \(seed)")
        var generator = SplitMix64(seed: seed)
        for _ in 0..<200 {
            var wire: [UInt8] = []
            var wanted: [UInt8] = []
            for number in 0..<UInt8.random(in: 1...6, using: &generator) {
                let count = Int.random(in: 1...(Bool.random(using: &generator) ? 120 : 65_536), using: &generator)
                let content: Content = Bool.random(using: &generator) ? .noise : .text
                let plain = Self.bytes(count, of: content, using: &generator)
                wanted += plain
                wire += frame(plain, number: number)
            }
            let pieceBytes = Int.random(in: 1...3_000, using: &generator)
            let partBytesMax = Int.random(in: 1...70_000, using: &generator)
            #expect(try decode(wire, pieceBytes: pieceBytes, partBytesMax: partBytesMax) == wanted)
        }
    }

    private enum Content { case noise, text }

    private static func packet(
        _ count: Int, of content: Content, _ number: UInt8, using generator: inout SplitMix64
    ) -> [UInt8] {
        [UInt8(count & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count >> 16), number]
            + bytes(count, of: content, using: &generator)
    }

    private static func bytes(_ count: Int, of content: Content, using generator: inout SplitMix64) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
            for index in 0..<count {
                let byte = UInt8(truncatingIfNeeded: generator.next() >> 32)
                bytes.initializeElement(at: index, to: content == .noise ? byte : 65 + byte % 4)
            }
            initialized = count
        }
    }

    private func whole(_ parts: [[UInt8]]) -> [UInt8] { parts.reduce(into: []) { $0 += $1 } }

    /// What an encoder makes of packets that come in pieces of that size.
    private func encode(_ packets: [[UInt8]], pieceBytes: Int, flushes: Bool) -> [[UInt8]] {
        var encoder = CompressedFrameEncoder(tools: tools)
        var numbers = FrameNumbers()
        var frames: [[UInt8]] = []
        var rest = whole(packets)[...]
        while !rest.isEmpty {
            let piece = rest.prefix(pieceBytes)
            rest = rest.dropFirst(piece.count)
            encoder.append(ByteBuffer(bytes: piece), &numbers) { frames.append(Array(buffer: $0)) }
            if flushes { encoder.flush(&numbers) { frames.append(Array(buffer: $0)) } }
        }
        encoder.flush(&numbers) { frames.append(Array(buffer: $0)) }
        #expect(encoder.isBetweenPackets)
        return frames
    }

    @Test func packetsAreWholeInTheirFrames() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("packets in frames: seed \(seed)")
        var generator = SplitMix64(seed: seed)
        for round in 0..<60 {
            let sizes = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                [0, 1, 40, 3_000, 65_531, 65_532, 65_533, 200_000][Int.random(in: 0..<8, using: &generator)]
            }
            let packets = sizes.enumerated().map {
                Self.packet($1, of: round % 2 == 0 ? .noise : .text, UInt8($0), using: &generator)
            }
            let frames = encode(
                packets, pieceBytes: [1, 2, 3, 1_000, 70_000, .max][round % 6],
                flushes: Bool.random(using: &generator))
            #expect(try decode(whole(frames)) == whole(packets))
            for frame in frames {
                // Alone it consists of whole packets.
                var plain = ByteBuffer(bytes: try decode([frame[0], frame[1], frame[2], 0] + frame[4...]))
                var packets = PacketDecoder(payloadBytesMax: 1 << 24)
                while try packets.next(from: &plain) != nil {}
                #expect(plain.readableBytes == 0, "sizes \(sizes), round \(round)")
            }
        }
    }

    @Test func thePacketsOfSixteenMegabytesHaveTwoFrames() throws {
        var generator = SplitMix64(seed: 1)
        for content in [Content.noise, .text] {
            let packet = Self.packet(0xFF_FFFF, of: content, 0, using: &generator)
            let last = Self.packet(7, of: content, 1, using: &generator)
            let frames = encode([packet, last], pieceBytes: 1 << 17, flushes: false)
            #expect(frames.count == 3)
            #expect(try decode(whole(frames), pieceBytes: 1 << 17) == packet + last)
        }
    }

    @Test func whatIsShortOrWouldGrowIsNotCompressed() {
        var generator = SplitMix64(seed: 2)
        func frame(_ count: Int, of content: Content) -> [UInt8] {
            encode([Self.packet(count, of: content, 0, using: &generator)], pieceBytes: .max, flushes: false)[0]
        }
        let short = frame(45, of: .text)
        #expect(short.count == 7 + 49 && Array(short[4..<7]) == [0, 0, 0])
        let noise = frame(1_000, of: .noise)
        #expect(noise.count == 7 + 1_004 && Array(noise[4..<7]) == [0, 0, 0])
        let text = frame(59_996, of: .text)
        #expect(text.count < 20_000 && Array(text[4..<7]) == [0x60, 0xEA, 0])
    }

    @Test func framesAreNoLargerThanTheyClaim() throws {
        let plain = [UInt8](repeating: 7, count: 60_000)
        let honest = frame(plain)
        func claiming(_ count: Int) -> [UInt8] {
            var frame = honest
            frame.replaceSubrange(4..<7, with: [UInt8(count & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count >> 16)])
            return frame
        }
        #expect(try decode(claiming(60_000)) == plain)
        for claim in [1, 59_999, 60_001, 0xFF_FFFF] {
            for pieceBytes in [1, 10, .max] {
                #expect(throws: CompressionError.self) { try decode(claiming(claim), pieceBytes: pieceBytes) }
            }
        }
        #expect(throws: CompressionError.self) { try decode([0, 0, 0, 0, 10, 0, 0]) }
        #expect(throws: CompressionError.self) { try decode([4, 0, 0, 0, 10, 0, 0, 1, 2, 3, 4]) }
        // The stream's end comes before the frame's.
        var longer = honest
        longer[0] += 1
        #expect(throws: CompressionError.self) { try decode(longer + [0]) }
        // And after it.
        var shorter = honest
        shorter[0] -= 1
        #expect(throws: CompressionError.self) { try decode(shorter) }
    }

    @Test func anEmptyFrameIsNothing() throws {
        #expect(try decode([0, 0, 0, 0, 0, 0, 0] + frame([1, 2, 3], number: 1)) == [1, 2, 3])
    }

    @Test func damagedFramesNeverTrap() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("damaged frames: seed \(seed)")
        var generator = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...400, using: &generator)
            let plain = (0..<count).map { _ in UInt8.random(in: 60...70, using: &generator) }
            var wire = frame(plain) + frame(plain, number: 1)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                wire[Int.random(in: wire.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            // A claim may be of up to 16 MB, but zlib makes no more than 1,032 bytes of one.
            do { #expect(try decode(wire, pieceBytes: 64).count < 1_100 * wire.count) } catch {}
        }
    }

    @Test func numbersAreChecked() throws {
        var numbers = FrameNumbers()
        try numbers.received(0)
        try numbers.received(1)
        numbers.commandBegins()
        #expect(numbers.takeNext() == 2 && numbers.takeNext() == 3)
        // The rest of a file goes on after the request for it; another command begins anew.
        try numbers.received(4)
        #expect(numbers.takeNext() == 5)
        try numbers.received(0)
        numbers.commandBegins()
        #expect(numbers.takeNext() == 1)
        #expect(throws: CompressionError.outOfOrder(9)) { try numbers.received(9) }
    }

    @Test func anAnswerIsNumberedFromItsOwnCommand() throws {
        var numbers = FrameNumbers()
        try numbers.received(0)
        numbers.commandBegins()
        #expect(numbers.takeNext() == 1)
        // The next two commands come before the answer has ended.
        try numbers.received(0)
        try numbers.received(0)
        #expect(numbers.takeNext() == 2)
        numbers.commandBegins()
        #expect(numbers.takeNext() == 1)
        numbers.commandBegins()
        #expect(numbers.takeNext() == 1)
        for number in UInt8(2)...255 { #expect(numbers.takeNext() == number) }
        #expect(numbers.takeNext() == 0)
    }

    /// libmariadb gives every packet of a compressed command the number 0.
    @Test func packetsThatArePassedOnAreNumbered() {
        let count = PacketFraming.payloadBytesMax
        let large = [0xFF, 0xFF, 0xFF, 0] + [UInt8](repeating: 9, count: count)
        var input = ByteBuffer(bytes: large + large + [1, 0, 0, 0, 9, 5])
        var counter = FrameCounter(until: .shortPacket, numbersFrom: 0)
        var taken = ByteBuffer()
        while !counter.isEnded {
            var piece = input.readSlice(length: min(1 << 20, input.readableBytes)) ?? ByteBuffer()
            guard var part = counter.take(from: &piece) else { break }
            taken.writeBuffer(&part)
            piece.writeImmutableBuffer(input)
            input = piece
        }
        #expect(counter.isEnded && Array(buffer: input) == [5])
        let numbers = [0, count + 4, 2 * (count + 4)].map { taken.getInteger(at: $0 + 3, as: UInt8.self) }
        #expect(numbers == [0, 1, 2])
    }
}
