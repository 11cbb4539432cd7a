import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// A batch on its way over a link that compresses by itself: taken out of its codec and put back.
@Suite struct RecodedBatchTests {
    @Test(arguments: 0..<30) func aBatchComesBackByteForByte(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let entries = (1...UInt64.random(in: 1...40, using: &random)).map {
            Sample.transaction($0, size: Int.random(in: 0...4_000, using: &random))
        }
        let stored = try Sample.batch(1, entries, term: 3, codec: .lz4)
        let wire = try stored.recoded(.none)
        #expect(wire.header.codec == .none)
        var bytes = wire.bytes
        let received = try Batch(parsing: &bytes, bytesMax: 1 << 20)
        #expect(try received.entries() == entries)
        #expect(try received.recoded(.lz4).bytes == stored.bytes, "seed \(seed)")
        #expect(try received.recoded(.none) == wire)
    }

    @Test func whatDoesNotShrinkStaysAsItIs() throws {
        var random = SplitMix64(seed: 9)
        var noise = ByteBuffer()
        for _ in 0..<1_000 { noise.writeInteger(random.next()) }
        let batch = try Sample.batch(1, [.transaction(Sample.gtid(1), events: noise)], codec: .none)
        #expect(try batch.recoded(.lz4).bytes == batch.bytes)
    }

    @Test func damageBeforeTheWayIsFoundAfterIt() throws {
        var bytes = try Sample.transactions(1...20).recoded(.none).bytes
        bytes.setInteger(UInt8(0xFF), at: bytes.writerIndex - 10)
        #expect(throws: WALError.self) { try Batch(parsing: &bytes, bytesMax: 1 << 20) }
    }

    @Test func theBytesAfterAPositionAreKnown() throws {
        let log = try SimulatedLog()
        defer { log.log.close() }
        var ends: [UInt64] = []
        for number in 1...UInt64(40) {
            let batch = try Sample.transactions(number...number, size: 900, codec: .none)
            ends.append(UInt64(batch.bytes.readableBytes))
            try log.append(batch)
        }
        #expect(log.log.bytes(after: LSN(40)) == 0)
        #expect(log.log.bytes(after: LSN(39)) == ends[39])
        #expect(log.log.bytes(after: .zero) == ends.reduce(0, +))
        let sizes = (0...UInt64(40)).map { log.log.bytes(after: LSN($0)) }
        #expect(sizes == sizes.sorted(by: >), "never more after a later position")
    }
}
