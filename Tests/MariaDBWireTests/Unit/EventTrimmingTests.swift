import ClusterCore
import NIOCore
import Testing

@testable import MariaDBWire

@Suite struct EventTrimmingTests {
    /// Runs of events as a binlog has them: each ends where the one before ended and its own length.
    private func run(_ count: Int, from end: inout UInt32, _ random: inout SplitMix64) -> ByteBuffer {
        var all: [ByteBuffer] = []
        for _ in 0..<count {
            let body = Int.random(in: 0...300, using: &random)
            // Now and then a jump, as at a new file or in events that lie in none.
            let length = UInt32(BinlogEventHeader.bytes + body + BinlogEventHeader.checksumBytes)
            end =
                Int.random(in: 0..<20, using: &random) == 0
                ? UInt32.random(in: 0 ... .max, using: &random) : end &+ length
            all.append(EventFactory.rows(body, end: end, seed: UInt8.random(in: 0 ... .max, using: &random)))
        }
        return EventFactory.concatenated(all)
    }

    @Test(arguments: 0..<50) func runsComeBackByteForByte(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var end = UInt32.random(in: 0 ... .max, using: &random)
        let runs = (0..<8).map { _ in run(Int.random(in: 0...12, using: &random), from: &end, &random) }
        var (trimming, wire) = (EventTrimming(), ByteBuffer())
        for run in runs { #expect(trimming.trim(run, to: &wire)) }
        var (restoring, restored) = (EventTrimming(), ByteBuffer())
        for run in runs { #expect(restoring.restore(run.readableBytes, from: &wire, to: &restored), "seed \(seed)") }
        #expect(wire.readableBytes == 0)
        #expect(restored == EventFactory.concatenated(runs), "seed \(seed)")
    }

    @Test func eventsOfARealServerGetShorter() {
        var (trimming, wire) = (EventTrimming(), ByteBuffer())
        #expect(trimming.trim(RealEvents.bytes, to: &wire))
        #expect(wire.readableBytes < RealEvents.bytes.readableBytes)
        var (restoring, restored) = (EventTrimming(), ByteBuffer())
        #expect(restoring.restore(RealEvents.bytes.readableBytes, from: &wire, to: &restored))
        #expect(restored == RealEvents.bytes)
    }

    @Test func whatIsNoRunOfEventsIsLeftAlone() {
        var (trimming, wire) = (EventTrimming(), ByteBuffer())
        var damaged = RealEvents.bytes
        damaged.setInteger(UInt8(0xEE), at: damaged.readerIndex + 30)
        for bytes in [damaged, RealEvents.bytes.getSlice(at: 0, length: 100)!, ByteBuffer(repeating: 0, count: 50)] {
            #expect(!trimming.trim(bytes, to: &wire))
            #expect(wire.readableBytes == 0)
        }
    }

    /// Whatever comes from a wire, nothing traps and no more comes out than was promised.
    @Test(arguments: 0..<200) func garbageIsRefused(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var (trimming, wire) = (EventTrimming(), ByteBuffer())
        _ = trimming.trim(RealEvents.bytes, to: &wire)
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            wire.setInteger(
                UInt8.random(in: 0 ... .max, using: &random), at: Int.random(in: 0..<wire.writerIndex, using: &random))
        }
        var cut = wire.readSlice(length: Int.random(in: 0...wire.readableBytes, using: &random)) ?? ByteBuffer()
        var (restoring, restored) = (EventTrimming(), ByteBuffer())
        _ = restoring.restore(RealEvents.bytes.readableBytes, from: &cut, to: &restored)
        #expect(restored.readableBytes <= RealEvents.bytes.readableBytes, "seed \(seed)")
    }
}
