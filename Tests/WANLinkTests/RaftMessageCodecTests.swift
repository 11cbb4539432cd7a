import ClusterCore
import NIOCore
import Testing

@testable import ClusterCore
@testable import WANLink

@Suite struct RaftMessageCodecTests {
    private struct Maker {
        var random: SplitMix64

        mutating func number() -> UInt64 {
            UInt64.random(in: 0 ... .max, using: &random) >> UInt64.random(in: 0..<64, using: &random)
        }
        mutating func term() -> Term { Term(number() >> 2) }
        mutating func lsn() -> LSN { LSN(number() >> 1) }
        mutating func position() -> LogPosition { LogPosition(lsn: lsn(), term: term()) }
        mutating func flag() -> Bool { Bool.random(using: &random) }

        mutating func verdict() -> AppendReply.Verdict {
            if flag() { return .accepted(durable: lsn(), received: lsn()) }
            let runs = (0..<Int.random(in: 0...AppendReply.runsMax, using: &random)).map { _ in
                TermRun(first: lsn(), term: term())
            }
            return .rejected(prev: lsn(), runs: runs, last: lsn())
        }

        /// One of each kind but append.
        mutating func small() -> [RaftMessage] {
            [
                .voteRequest(
                    VoteRequest(round: term(), isPreVote: flag(), last: position(), overridesLeader: flag())),
                .voteReply(
                    VoteReply(
                        term: term(), round: term(), isPreVote: flag(),
                        refusal: flag() ? nil : VoteRefusal.allCases.randomElement(using: &random))),
                .appendReply(AppendReply(term: term(), verdict: verdict())),
                .heartbeat(Heartbeat(term: term(), commit: lsn(), sentAt: Instant(nanoseconds: number()))),
                .heartbeatReply(
                    HeartbeatReply(
                        term: term(), sentAt: Instant(nanoseconds: number()), durable: lsn(), received: lsn(),
                        mayLead: flag())),
                .timeoutNow(TimeoutNow(term: term())),
            ]
        }

        mutating func append() -> (request: AppendRequest, batches: [ByteBuffer]) {
            let batches = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                ByteBuffer(
                    repeating: UInt8.random(in: 0...255, using: &random), count: Int.random(in: 0...300, using: &random)
                )
            }
            return (AppendRequest(term: term(), prev: position(), commit: lsn(), mayCarryEntries: true), batches)
        }
    }

    private func joined(_ parts: [ByteBuffer]) -> ByteBuffer {
        parts.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
    }

    @Test(arguments: UInt64(0)..<50) func messagesSurviveTheWire(seed: UInt64) throws {
        var maker = Maker(random: SplitMix64(seed: seed))
        for message in maker.small() {
            let decoded = try RaftMessageCodec.decode(RaftMessageCodec.encode(message))
            #expect(decoded.message == message)
            #expect(decoded.batches.isEmpty)
        }
    }

    @Test(arguments: UInt64(0)..<50) func batchesSurviveTheWireBesideTheirHead(seed: UInt64) throws {
        var maker = Maker(random: SplitMix64(seed: seed))
        let (request, batches) = maker.append()
        let decoded = try RaftMessageCodec.decode(joined(RaftMessageCodec.encodeAppend(request, batches: batches)))
        #expect(decoded.message == request.message(carrying: []))
        #expect(decoded.batches == batches)
    }

    @Test func batchesAreSlicesOnBothSides() throws {
        let batch = ByteBuffer(repeating: 4, count: 100_000)
        let request = AppendRequest(term: Term(1), prev: LogPosition.zero, commit: LSN(0), mayCarryEntries: true)
        let parts = RaftMessageCodec.encodeAppend(request, batches: [batch, batch])
        #expect(parts.count == 4)
        #expect(parts[1].storageAddress == batch.storageAddress)
        let payload = joined(parts)
        let decoded = try RaftMessageCodec.decode(payload)
        let range = payload.storageAddress..<(payload.storageAddress + payload.readableBytes)
        #expect(decoded.batches.allSatisfy { range.contains($0.storageAddress) })
    }

    @Test func everyCutMessageIsRefused() throws {
        var maker = Maker(random: SplitMix64(seed: 7))
        let (request, batches) = maker.append()
        let payloads =
            maker.small().map { RaftMessageCodec.encode($0) }
            + [joined(RaftMessageCodec.encodeAppend(request, batches: batches + [ByteBuffer(string: "last")]))]
        for payload in payloads {
            for count in 0..<payload.readableBytes {
                let cut = try #require(payload.getSlice(at: 0, length: count))
                #expect(throws: RaftMessageError.self) { try RaftMessageCodec.decode(cut) }
            }
            var long = payload
            long.writeInteger(UInt8(0))
            #expect(throws: RaftMessageError.trailingBytes(1)) { try RaftMessageCodec.decode(long) }
        }
    }

    @Test func hostileCountsReserveNothing() {
        var payload = ByteBuffer()
        payload.writeMultipleIntegers(UInt8(1), UInt8(3), UInt64(1), UInt64(0), UInt64(0), UInt64(0), UInt32.max)
        #expect(throws: RaftMessageError.tooManyBatches(.max)) { try RaftMessageCodec.decode(payload) }
        payload.setInteger(UInt32(1), at: payload.writerIndex - 4)
        payload.writeInteger(UInt32.max)
        #expect(throws: RaftMessageError.truncated(reading: "a batch")) { try RaftMessageCodec.decode(payload) }
    }

    /// Counting on from a term or an LSN that a peer names must not overflow.
    @Test func numbersWithoutRoomToCountOnAreRefused() {
        let beyond = Term.limit.rawValue + 1
        #expect(throws: RaftMessageError.outOfRange(field: "term", beyond)) {
            try RaftMessageCodec.decode(RaftMessageCodec.encode(.timeoutNow(TimeoutNow(term: Term(beyond)))))
        }
        let beat = Heartbeat(term: .limit, commit: LSN(.max), sentAt: .zero)
        #expect(throws: RaftMessageError.outOfRange(field: "commit", .max)) {
            try RaftMessageCodec.decode(RaftMessageCodec.encode(.heartbeat(beat)))
        }
        #expect(Term.limit.nextEra > .limit && Term.limit.next > .limit && LSN.limit.next > .limit)
    }

    @Test func aLaterVersionIsNamed() {
        #expect(throws: RaftMessageError.unknownVersion(2)) { try RaftMessageCodec.decode(ByteBuffer(bytes: [2, 1])) }
        #expect(throws: RaftMessageError.unknownKind(99)) { try RaftMessageCodec.decode(ByteBuffer(bytes: [1, 99])) }
    }

    @Test(arguments: UInt64(0)..<300) func damagedMessagesNeverTrap(seed: UInt64) {
        var maker = Maker(random: SplitMix64(seed: seed))
        let (request, batches) = maker.append()
        for var payload in maker.small().map({ RaftMessageCodec.encode($0) })
            + [joined(RaftMessageCodec.encodeAppend(request, batches: batches))]
        {
            for _ in 0..<3 {
                let index = Int.random(in: 0..<payload.readableBytes, using: &maker.random)
                payload.setInteger(UInt8.random(in: 0...255, using: &maker.random), at: index)
            }
            do {
                let decoded = try RaftMessageCodec.decode(payload)
                #expect(decoded.batches.reduce(0) { $0 + $1.readableBytes } <= payload.readableBytes)
            } catch { #expect(!error.description.isEmpty) }
        }
    }
}

extension ByteBuffer {
    /// Where the readable bytes lie in memory.
    fileprivate var storageAddress: Int { withUnsafeReadableBytes { Int(bitPattern: $0.baseAddress) } }
}
