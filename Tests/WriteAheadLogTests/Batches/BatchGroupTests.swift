import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// Several batches on their way over a compressing link.
@Suite struct BatchGroupTests {
    /// Takes the last byte of each body out.
    private struct LastBytes: BodySplitting {
        private var taken = ByteBuffer()
        mutating func split(_ body: ByteBuffer, to output: inout ByteBuffer) -> Bool {
            guard let last = body.readableBytesView.last, last % 3 != 0 else { return false }
            taken.writeInteger(last)
            output.writeBytes(body.readableBytesView.dropLast())
            return true
        }
        mutating func streams() -> [ByteBuffer] { [taken] }
    }
    private struct LastBytesAgain: BodyJoining {
        private var streams: ByteBuffer
        init?(_ streams: ByteBuffer) { self.streams = streams }
        mutating func join(_ length: Int, from input: inout ByteBuffer, to output: inout ByteBuffer) -> Bool {
            guard length > 0, let body = input.readSlice(length: length - 1),
                let last = streams.readInteger(as: UInt8.self)
            else { return false }
            output.writeImmutableBuffer(body)
            output.writeInteger(last)
            return true
        }
    }

    private func batches(_ random: inout SplitMix64) throws -> [Batch] {
        var first: UInt64 = 1
        return try (0..<Int.random(in: 1...5, using: &random)).map { _ in
            let entries = (0..<UInt64.random(in: 1...20, using: &random)).map { number in
                Entry.transaction(
                    Sample.gtid(first + number),
                    source: SourcePosition(file: "binlog.000001", offset: 900 * (first + number)),
                    events: Sample.body(Int.random(in: 0...900, using: &random), salt: first + number))
            }
            defer { first += UInt64(entries.count) }
            return try Sample.batch(first, entries, term: 3, codec: Bool.random(using: &random) ? .lz4 : .none)
        }
    }

    private func wire(_ batches: [Batch]) throws -> ByteBuffer {
        try BatchGroup.write(batches, LastBytes()).reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
    }

    @Test(arguments: 0..<60) func batchesComeBackByteForByte(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let batches = try batches(&random)
        let wire = try wire(batches)
        #expect(BatchGroup.isOne(wire) && !TrimmedBatch.isOne(wire) && !BatchGroup.isOne(batches[0].bytes))
        #expect(try BatchGroup.read(wire, LastBytesAgain.self) == batches.map { try $0.recoded(.none) }, "seed \(seed)")
    }

    @Test(arguments: 0..<400) func damageIsFoundAndNeverTraps(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var wire = try wire(try batches(&random))
        let place = Int.random(in: 0..<wire.writerIndex, using: &random)
        let was = wire.getInteger(at: place, as: UInt8.self) ?? 0
        wire.setInteger(was ^ UInt8.random(in: 1 ... .max, using: &random), at: place)
        if Bool.random(using: &random) {
            wire = wire.getSlice(at: 0, length: Int.random(in: place..<wire.writerIndex, using: &random)) ?? wire
        }
        #expect(throws: WALError.self, "seed \(seed)") { try BatchGroup.read(wire, LastBytesAgain.self) }
    }

    @Test func aGroupBeyondTheBoundIsRefused() throws {
        let wire = try wire([try Sample.transactions(1...20), try Sample.transactions(21...40)])
        #expect(throws: WALError.self) { try BatchGroup.read(wire, bytesMax: 500, LastBytesAgain.self) }
    }
}
