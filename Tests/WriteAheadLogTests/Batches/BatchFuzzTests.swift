import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// Bytes that are not batches: an error, never a trap.
@Suite struct BatchFuzzTests {
    /// Parses, and looks at everything that there is to see when that succeeds.
    private func digest(_ bytes: ByteBuffer) {
        var wire = bytes
        do {
            let batch = try Batch(parsing: &wire, bytesMax: 1 << 20)
            _ = batch.last
            _ = batch.gtid(at: batch.last)
            _ = try batch.entries()
        } catch {
            #expect(wire == bytes || wire.readableBytes < bytes.readableBytes)
        }
    }

    @Test func randomBytes() {
        var random = SplitMix64(seed: 0xF022)
        for _ in 0..<5000 {
            var bytes = ByteBuffer(
                bytes: (0..<random.int(0...200)).map { _ in UInt8.random(in: 0...255, using: &random) })
            digest(bytes)
            bytes.setInteger(UInt32(0x3142_5357), at: 0, endianness: .little)
            digest(bytes)
        }
    }

    @Test func eachByteOfABatchChanged() throws {
        let batch = try Sample.transactions(1...5, size: 60)
        for offset in 0..<batch.bytes.readableBytes {
            for mask in [UInt8(1), 0x40, 0xFF] {
                var bytes = batch.bytes
                bytes.setInteger((bytes.getInteger(at: offset) ?? 0) ^ mask, at: offset)
                #expect(throws: WALError.self) { try Batch(parsing: &bytes, bytesMax: .max) }
            }
        }
        for length in 0..<batch.bytes.readableBytes {
            var bytes = try #require(batch.bytes.getSlice(at: 0, length: length))
            #expect(throws: WALError.self) { try Batch(parsing: &bytes, bytesMax: .max) }
        }
    }

    /// With checksums made right, so that what is behind them is reached.
    @Test func changedFieldsUnderRightChecksums() throws {
        var random = SplitMix64(seed: 0xF1E1D)
        for round in 0..<6000 {
            let batch = try Sample.transactions(
                1...UInt64(random.int(1...4)), size: random.int(0...80), codec: round % 2 == 0 ? .none : .lz4)
            var bytes = batch.bytes
            let header = batch.header.headerBytes
            for _ in 0..<random.int(1...4) {
                let offset = random.int(0...bytes.readableBytes - 1)
                let value =
                    random.chance(50) ? [UInt8(0), 1, 0x7F, 0x80, 0xFF][random.int(0...4)] : UInt8(random.int(0...255))
                bytes.setInteger(value, at: offset)
            }
            let payload = bytes.checksum(from: header, length: bytes.readableBytes - header)
            bytes.setInteger(payload, at: 40, endianness: .little)
            if random.chance(80) { bytes.setInteger(UInt32(header), at: 8, endianness: .little) }
            bytes.sealHeader()
            digest(bytes)
        }
    }
}
