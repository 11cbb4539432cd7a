import CZstd
import ClusterCore
import NIOCore
import Testing

@testable import WANLink

@Suite struct StreamCompressionTests {
    /// Rows that repeat themselves, as binlogs do.
    private static func rows(_ count: Int, using random: inout SplitMix64) -> ByteBuffer {
        var buffer = ByteBuffer()
        for _ in 0..<count {
            buffer.writeString(
                "INSERT INTO orders VALUES (\(random.next() % 5_000), 'customer-\(random.next() % 300)')")
            buffer.writeInteger(random.next())
        }
        return buffer
    }

    @Test(arguments: 0..<20) func piecesComeBackWhateverTheirSizesAndLevels(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let (compressor, decompressor) = (try StreamCompressor(), try StreamDecompressor())
        for _ in 0..<30 {
            var parts: [ByteBuffer] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                parts.append(Self.rows(Int.random(in: 0...400, using: &random), using: &random))
            }
            let level = StreamCompressor.levels.randomElement(using: &random) ?? 1
            let piece = try compressor.compress(parts, level: level)
            let whole = parts.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
            #expect(try decompressor.decompress(piece, rawBytes: whole.readableBytes) == whole, "seed \(seed)")
        }
    }

    @Test func historyMakesTheSecondPieceSmall() throws {
        var random = SplitMix64(seed: 1)
        let noise = ByteBuffer(bytes: (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) })
        let compressor = try StreamCompressor()
        #expect(try compressor.compress([noise], level: 1).readableBytes > 100_000)
        #expect(try compressor.compress([noise], level: 1).readableBytes < 1_000)
    }

    @Test func aBombIsRefusedWithoutItsMemory() throws {
        let piece = try StreamCompressor().compress([ByteBuffer(repeating: 0, count: 64 << 20)], level: 9)
        #expect(piece.readableBytes < 16_384)
        #expect(throws: BulkError.self) { try StreamDecompressor().decompress(piece, rawBytes: 1_000) }
    }

    @Test func aPieceThatPromisesTooMuchReservesLittle() throws {
        let piece = try StreamCompressor().compress([ByteBuffer(string: "short")], level: 1)
        #expect(throws: BulkError.self) { try StreamDecompressor().decompress(piece, rawBytes: 130 << 20) }
    }

    @Test func aLargerWindowIsRefused() throws {
        let raw = [UInt8](repeating: 7, count: 32 << 20)
        var out = [UInt8](repeating: 0, count: 1 << 20)
        let context = try #require(ZSTD_createCCtx())
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 25)
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0)
        let count = raw.withUnsafeBytes { source in
            out.withUnsafeMutableBytes { target in
                ZSTD_compress2(context, target.baseAddress, target.count, source.baseAddress, source.count)
            }
        }
        let piece = ByteBuffer(bytes: out.prefix(count))
        #expect(throws: BulkError.self) { try StreamDecompressor().decompress(piece, rawBytes: 32 << 20) }
    }

    @Test(arguments: 0..<300) func damagedPiecesNeverTrap(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let (compressor, decompressor) = (try StreamCompressor(), try StreamDecompressor())
        let rows = Self.rows(100, using: &random)
        var bytes = Array(try compressor.compress([rows], level: 3).readableBytesView)
        switch seed % 3 {
        case 0:
            for _ in 0..<4 { bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8(1 + random.next() % 255) }
        case 1: bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random))
        default:
            bytes = (0..<Int.random(in: 0...500, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        let rawBytes = Int.random(in: 0...1 << 20, using: &random)
        do throws(BulkError) {
            let result = try decompressor.decompress(ByteBuffer(bytes: bytes), rawBytes: rawBytes)
            #expect(result.readableBytes == rawBytes)
        } catch { #expect(!error.description.isEmpty) }
    }

    @Test(arguments: 0..<200) func damagedContentOfAPieceNeverTraps(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let content = ByteBuffer(
            bytes: (0..<Int.random(in: 0...60, using: &random)).map { _ in UInt8(random.next() % 4) })
        let piece = try StreamCompressor().compress([content], level: 1)
        let frame = BulkFrame(
            sequence: 0, form: .zstd, cost: piece.readableBytes, rawBytes: content.readableBytes, content: piece)
        let job = DecompressionJob(frame: frame, decompressor: try StreamDecompressor(), content: OpaquePayloads())
        do throws(BulkError) { _ = try job.run() } catch { #expect(!error.description.isEmpty) }
    }
}
