import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// A batch on its way over a compressing link.
@Suite struct TrimmedBatchTests {
    /// Leaves a body's last byte out when it is the sum of the others; else it has no shorter form.
    private struct Sums: BodyTrimming {
        mutating func trim(_ body: ByteBuffer, to output: inout ByteBuffer) -> Bool {
            guard let last = body.readableBytesView.last,
                body.readableBytesView.dropLast().reduce(0, &+) == last
            else { return false }
            output.writeBytes(body.readableBytesView.dropLast())
            return true
        }
        mutating func restore(_ length: Int, from input: inout ByteBuffer, to output: inout ByteBuffer) -> Bool {
            guard length > 0, let body = input.readSlice(length: length - 1) else { return false }
            output.writeImmutableBuffer(body)
            output.writeInteger(body.readableBytesView.reduce(0, &+))
            return true
        }
    }

    private func entries(_ random: inout SplitMix64) -> [Entry] {
        var offset: UInt64 = 1_000
        return (1...UInt64.random(in: 1...40, using: &random)).map { number in
            var body = Sample.body(Int.random(in: 0...2_000, using: &random), salt: number)
            if Bool.random(using: &random) { body.writeInteger(body.readableBytesView.reduce(0, &+)) }
            offset += UInt64(body.readableBytes)
            let file = "binlog.00000\(1 + number / 20)"
            let source = number % 7 == 0 ? nil : SourcePosition(file: file, offset: offset)
            return .transaction(Sample.gtid(number), source: source, events: body)
        }
    }

    @Test(arguments: 0..<40, [Codec.lz4, .none]) func aBatchComesBackByteForByte(seed: UInt64, codec: Codec) throws {
        var random = SplitMix64(seed: seed)
        let batch = try Sample.batch(1, entries(&random), term: 3, codec: codec)
        let wire = try TrimmedBatch.write(batch, Sums.self)
        #expect(TrimmedBatch.isOne(wire) && !TrimmedBatch.isOne(batch.bytes))
        let received = try TrimmedBatch.read(wire, bytesMax: 1 << 20, Sums.self)
        #expect(received == (try batch.recoded(.none)), "seed \(seed)")
        #expect(try received.recoded(.lz4).bytes == batch.recoded(.lz4).bytes)
    }

    @Test(arguments: 0..<300) func damageIsFoundAndNeverTraps(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let batch = try Sample.batch(1, entries(&random))
        var wire = try TrimmedBatch.write(batch, Sums.self)
        let place = Int.random(in: 0..<wire.writerIndex, using: &random)
        let was = wire.getInteger(at: place, as: UInt8.self) ?? 0
        wire.setInteger(was ^ UInt8.random(in: 1 ... .max, using: &random), at: place)
        if Bool.random(using: &random) {
            wire = wire.getSlice(at: 0, length: Int.random(in: place..<wire.writerIndex, using: &random)) ?? wire
        }
        #expect(throws: WALError.self, "seed \(seed)") {
            try TrimmedBatch.read(wire, bytesMax: 1 << 20, Sums.self)
        }
    }

    @Test func aBatchBeyondTheBoundIsRefused() throws {
        let wire = try TrimmedBatch.write(try Sample.transactions(1...20), Sums.self)
        #expect(throws: WALError.self) { try TrimmedBatch.read(wire, bytesMax: 500, Sums.self) }
    }
}
