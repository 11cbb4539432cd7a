import ClusterCore
import Gateway
import NIOCore
import Testing
import WANLink
import WriteAheadLog

@testable import Agent

@Suite struct FlowTests {
    private func second(_ seconds: Int) -> ClusterCore.Instant {
        ClusterCore.Instant(nanoseconds: UInt64(seconds) * 1_000_000_000)
    }

    /// A log of 1,000 bytes an entry.
    private func catchUp(
        speed: UInt64, growth: UInt64, seconds: Int, behind: UInt64 = 100_000
    ) -> (CatchUpEstimator, entriesLeft: UInt64) {
        var estimator = CatchUpEstimator()
        var (end, match) = (behind, UInt64(0))
        for time in 0...seconds {
            estimator.look(at: LSN(match), left: (end - match) * 1_000, now: second(time)) {
                (end - $0.rawValue) * 1_000
            }
            match = min(end, match + speed)
            if time < seconds { end += growth }
        }
        return (estimator, end - match)
    }

    @Test func aCatchUpHasARateAndAnEnd() throws {
        let (estimator, left) = catchUp(speed: 5_000, growth: 0, seconds: 8)
        let state = try #require(estimator.state(entriesLeft: left))
        #expect(state.bytesPerSecond == 5_000_000)
        #expect(state.bytesLeft == 60_000_000 && state.bytesAtBegin == 100_000_000)
        #expect(state.etaSeconds == 12)
        #expect(abs(state.fractionDone - 0.4) < 0.001)
    }

    @Test func whatIsWrittenMeanwhileDelaysTheEnd() throws {
        let (slower, left) = catchUp(speed: 5_000, growth: 3_000, seconds: 8)
        let state = try #require(slower.state(entriesLeft: left))
        #expect(state.bytesPerSecond == 5_000_000 && state.etaSeconds == 42)
        let (never, more) = catchUp(speed: 3_000, growth: 3_500, seconds: 8)
        #expect(try #require(never.state(entriesLeft: more)).etaSeconds == nil)
    }

    @Test func whoIsNearIsNotCatchingUp() {
        #expect(catchUp(speed: 1_000, growth: 1_000, seconds: 10, behind: 2_000).0.state(entriesLeft: 1) == nil)
        #expect(catchUp(speed: 20_000, growth: 0, seconds: 10).0.state(entriesLeft: 0) == nil)
    }

    @Test func theDisksGateClosesEarlyAndOpensLate() {
        var gate = DiskGate(floorBytes: 100)
        gate.look(availableBytes: 100)
        #expect(!gate.isClosed)
        gate.look(availableBytes: 99)
        #expect(gate.isClosed)
        gate.look(availableBytes: 124)
        #expect(gate.isClosed)
        gate.look(availableBytes: 125)
        #expect(!gate.isClosed)
        #expect(DiskGate(segmentBytes: 64 << 20, windowBytes: 16 << 20).floorBytes == 144 << 20)
    }

    @Test func slowAppliersAreWaitedForWhenThatIsWanted() {
        func lag(_ mb: UInt64, _ seconds: Double) -> ApplyLagGate.Lag {
            ApplyLagGate.Lag(member: "b", bytes: mb << 20, seconds: seconds)
        }
        var off = ApplyLagGate(maxMB: 0, maxSeconds: 0)
        off.look([lag(10_000, 10_000)])
        #expect(off.isOff && off.waitsFor == nil)
        var gate = ApplyLagGate(maxMB: 100, maxSeconds: 10)
        gate.look([lag(100, 10)])
        #expect(gate.waitsFor == nil)
        gate.look([lag(101, 0)])
        #expect(gate.waitsFor?.bytes == 101 << 20)
        gate.look([lag(95, 0)])
        #expect(gate.waitsFor != nil, "it goes on only clearly below the bound")
        gate.look([lag(89, 0)])
        #expect(gate.waitsFor == nil)
        gate.look([lag(0, 11)])
        #expect(gate.waitsFor != nil)
        gate.look([])
        #expect(gate.waitsFor == nil, "who is gone is not waited for")
    }

    @Test(arguments: [Codec.lz4, .none], [true, false])
    func appendsCrossACompressingLinkUnharmed(codec: Codec, groups: Bool) throws {
        var batches: [Batch] = []
        var first = LSN(5)
        for size in [10, 3_000, 0, 40_000] {
            let entries = (1...3).map { number in
                Entry.transaction(
                    GTID(domain: 0, server: 1, sequence: first.rawValue + UInt64(number)),
                    events: ByteBuffer(repeating: UInt8(size % 251), count: size))
            }
            batches.append(try Batch.encode(entries, first: first, term: Term(2), codec: codec))
            first = first + 3
        }
        let append = AppendEntries(
            term: Term(3), prev: LogPosition(lsn: LSN(4), term: Term(2)), batches: [], commit: LSN(4))
        let parts = RaftMessageCodec.encodeAppend(append, batches: batches.map { [$0.bytes] })
        let expanded = try LoggedBatches(codec: codec).expand(parts, bytesMax: 100_000, groups: groups)
        let wire = expanded.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
        let packed = try LoggedBatches(codec: codec).pack(wire)
        let received = try RaftMessageCodec.decode(packed)
        #expect(received.message == .append(append))
        #expect(received.batches == batches.map(\.bytes))
    }

    @Test func whatWouldGrowTooLargeStaysCompressed() throws {
        let entry = Entry.transaction(
            GTID(domain: 0, server: 1, sequence: 1), events: ByteBuffer(repeating: 0, count: 1 << 20))
        let batch = try Batch.encode([entry], first: LSN(1), term: Term(1), codec: .lz4)
        let append = AppendEntries(term: Term(1), prev: .zero, batches: [], commit: .zero)
        let parts = RaftMessageCodec.encodeAppend(append, batches: [[batch.bytes]])
        let expanded = try LoggedBatches(codec: .lz4).expand(parts, bytesMax: 1 << 19, groups: true)
        #expect(expanded.reduce(0) { $0 + $1.readableBytes } == parts.reduce(0) { $0 + $1.readableBytes })
    }

    @Test func progressReadsWell() {
        let catchUp = CatchUp(
            entriesLeft: 12_345, bytesLeft: 512 << 20, bytesPerSecond: 11 << 20, etaSeconds: 46.2,
            bytesAtBegin: 1_024 << 20)
        #expect(
            LinksReport.progress(catchUp)
                == "[##########          ] 50 %, 12345 entries (512 MB) to go at 11 MB/s, about 47 s")
        let link = LinkRecord(
            peer: "far", state: .up, rttMS: 80.5, compression: "zstd", level: 7, congestion: "bbr", streams: 4,
            bytesRaw: 100 << 20, bytesWire: 25 << 20)
        #expect(LinksReport.line(link) == "far: up, 80.5 ms, 4 streams, bbr, zstd level 7, sent 100 MB as 25 MB")
    }

    @Test func whatIsSentTwiceIsCounted() throws {
        func batch(_ lsn: UInt64) throws -> Batch {
            try Batch.encode(
                [.transaction(GTID(domain: 0, server: 1, sequence: lsn), events: ByteBuffer(repeating: 1, count: 9))],
                first: LSN(lsn), term: Term(1), codec: .none)
        }
        var feed = PeerFeed()
        let size = UInt64(try batch(1).bytes.readableBytes)
        feed.sent(try [batch(1), batch(2)])
        feed.sent(try [batch(2), batch(3)])
        #expect(feed.sentBytes == 4 * size && feed.resentBytes == size)
        feed.truncated(after: LSN(1))
        feed.sent(try [batch(2)])
        #expect(feed.resentBytes == size, "it is another entry of that number")
    }
}
