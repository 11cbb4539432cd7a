import ClusterCore
import NIOCore
import Testing

@testable import MariaDBWire

/// Events taken apart by columns, and put together again.
@Suite struct EventColumnsTests {
    /// Splits runs and joins them again; `change` may damage what goes over the wire.
    private func roundTrip(
        _ runs: [ByteBuffer], recent: RecentLayouts? = nil,
        change: (inout ByteBuffer, inout ByteBuffer) -> Void = { _, _ in }
    ) -> (restored: [ByteBuffer?], streamBytes: Int) {
        let splitter = EventSplitter(recent: recent)
        var skeleton = ByteBuffer()
        let taken = runs.map { splitter.split($0, to: &skeleton) }
        var streams = EventFactory.concatenated(splitter.streams())
        let streamBytes = streams.readableBytes
        change(&skeleton, &streams)
        guard let joiner = EventJoiner(streams) else { return (runs.map { _ in nil }, streamBytes) }
        var restored: [ByteBuffer?] = []
        for (run, taken) in zip(runs, taken) {
            var output = ByteBuffer()
            guard taken else {
                restored.append(run)
                continue
            }
            guard joiner.join(run.readableBytes, from: &skeleton, to: &output) else {
                restored.append(nil)
                break
            }
            restored.append(output)
        }
        return (restored, streamBytes)
    }

    @Test func eventsOfARealServerComeBack() {
        let (restored, streamBytes) = roundTrip([RealEvents.bytes])
        #expect(restored == [RealEvents.bytes])
        #expect(streamBytes > 100, "rows and texts were taken out")
    }

    @Test(arguments: 0..<200) func randomTablesComeBackByteForByte(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let runs = RandomRows.runs(&random)
        #expect(roundTrip(runs).restored == runs, "seed \(seed)")
    }

    /// Whatever the events hold: with right checksums they come back, or are left alone.
    @Test(arguments: 0..<1_000) func mutatedEventsComeBackByteForByte(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var runs = RandomRows.runs(&random)
        for index in runs.indices { runs[index] = RandomRows.mutated(runs[index], &random) }
        #expect(roundTrip(runs).restored == runs, "seed \(seed)")
    }

    /// What comes from a wire may be anything: nothing traps, and no more comes out than was promised.
    @Test(arguments: 0..<2_000) func damagedStreamsNeverTrap(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let runs = RandomRows.runs(&random)
        let (restored, _) = roundTrip(runs) { skeleton, streams in
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                // The directory, at the front of the streams, is the most delicate.
                switch Int.random(in: 0..<4, using: &random) {
                case 0: RandomRows.damage(&skeleton, within: skeleton.readableBytes, &random)
                case 1: RandomRows.damage(&streams, within: streams.readableBytes, &random)
                case 2: RandomRows.damage(&streams, within: min(80, streams.readableBytes), &random)
                default:
                    streams = streams.getSlice(
                        at: streams.readerIndex, length: Int.random(in: 0...streams.readableBytes, using: &random))!
                }
            }
        }
        for (run, restored) in zip(runs, restored) where restored != nil {
            #expect(restored?.readableBytes == run.readableBytes, "seed \(seed)")
        }
    }

    @Test func rowsWithoutTheirTableMapAreGuessedFromAnEarlierGroup() {
        var random = SplitMix64(seed: 4)
        let table = RandomRows.Table(id: 77, forms: [.number(8), .text(1)])
        let first = EventFactory.concatenated([table.map(), table.inserts(rows: 50, &random)])
        let second = table.inserts(rows: 500, &random)
        let recent = RecentLayouts()
        #expect(roundTrip([first], recent: recent).restored == [first])
        let (restored, streamBytes) = roundTrip([second], recent: recent)
        #expect(restored == [second])
        #expect(streamBytes > second.readableBytes / 2)
        #expect(roundTrip([second]).streamBytes < 100, "without it they stay as they are")
        // Another server's table of the same number: a wrong guess does no harm.
        let other = RandomRows.Table(id: 77, forms: [.text(2), .number(3), .text(1)]).inserts(rows: 20, &random)
        #expect(roundTrip([other], recent: recent).restored == [other])
    }

    @Test func whatIsNoRunOfEventsIsLeftAlone() {
        let splitter = EventSplitter()
        var skeleton = ByteBuffer()
        for bytes in [ByteBuffer(repeating: 0, count: 50), RealEvents.bytes.getSlice(at: 0, length: 100)!] {
            #expect(!splitter.split(bytes, to: &skeleton))
            #expect(skeleton.readableBytes == 0)
        }
    }

    /// A directory that speaks of more columns than it has bytes for is refused before they are made.
    @Test func aDirectoryCanNotClaimMoreThanItHolds() {
        for count in [1, 4_096, 1 << 28] {
            var streams = ByteBuffer()
            streams.writeVarint(0)
            streams.writeVarint(count)
            streams.writeVarint(4_096)
            #expect(EventJoiner(streams) == nil)
        }
    }
}
