import Foundation
import Glibc
import NIOCore
import Testing

@testable import Gateway

@Suite struct BusyPollTests {
    /// Both ends of a connection.
    private func withPair(_ body: (_ here: CInt, _ there: CInt) async throws -> Void) async throws {
        var ends: [CInt] = [0, 0]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        try await body(ends[0], ends[1])
    }

    /// Long enough that a test which waits for it to end by itself would be noticed.
    private static let limit = TimeAmount.seconds(30)

    /// One that would look for the whole limit.
    private func patient(among rounds: BusyPoll.Rounds = BusyPoll.Rounds()) -> BusyPoll {
        var poll = BusyPoll(limit: Self.limit, among: rounds)
        for packet in BusyPoll.Packet.allCases {
            while poll.window(of: packet) < Self.limit { poll.came(packet, after: Self.limit) }
        }
        return poll
    }

    private func time(_ body: () throws -> Void) rethrows -> TimeAmount {
        let begun = NIODeadline.now()
        try body()
        return NIODeadline.now() - begun
    }

    /// Until the clock that is measured by has gone on by more than that.
    private func letPass(_ time: TimeAmount) {
        let begun = NIODeadline.now()
        while NIODeadline.now() - begun <= time { sched_yield() }
    }

    @Test func whatIsThereIsFoundAtOnce() async throws {
        try await withPair { here, there in
            var poll = patient()
            for _ in 0...BusyPoll.roundsAlone { poll.roundEnded(of: 7) }
            #expect(write(there, "x", 1) == 1)
            var isFound = false
            let looked = time { isFound = poll.look(at: here, for: .answer) }
            #expect(isFound && looked < Self.limit)
        }
    }

    @Test func nothingIsLookedForWhileSeveralClientsAreBusy() async throws {
        try await withPair { here, _ in
            let rounds = BusyPoll.Rounds()
            var poll = patient(among: rounds)
            // Each look would last for the limit.
            let looked = time {
                for round in 0..<100 {
                    poll.roundEnded(of: UInt32(round % 2))
                    _ = poll.look(at: here, for: .answer)
                }
                for _ in 0..<100 {
                    poll.roundEnded(of: nil)
                    _ = poll.look(at: here, for: .answer)
                }
                for _ in 0..<100 {
                    poll.roundEnded(of: 7)
                    // Another event loop's.
                    _ = rounds.next()
                    _ = poll.look(at: here, for: .answer)
                }
                for _ in 0..<BusyPoll.roundsAlone {
                    poll.roundEnded(of: 7)
                    _ = poll.look(at: here, for: .answer)
                }
            }
            #expect(looked < Self.limit)
        }
    }

    @Test func zeroNeverLooks() async throws {
        try await withPair { here, _ in
            var poll = BusyPoll(limit: .zero, among: BusyPoll.Rounds())
            let looked = time {
                for _ in 0..<10_000 {
                    poll.roundEnded(of: 7)
                    _ = poll.look(at: here, for: .answer)
                }
            }
            #expect(looked < Self.limit)
        }
    }

    @Test func aClientOfAnotherLoopEndsTheLook() async throws {
        try await withPair { here, there in
            let rounds = BusyPoll.Rounds()
            var poll = patient(among: rounds)
            for _ in 0...BusyPoll.roundsAlone { poll.roundEnded(of: 7) }
            let (looking, looked) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            Thread.detachNewThread { [poll] in
                var poll = poll
                looking.signal()
                _ = poll.look(at: here, for: .answer)
                looked.signal()
            }
            let begun = NIODeadline.now()
            await withCheckedContinuation { done in
                Thread.detachNewThread {
                    looking.wait()
                    // Whether the look has begun can't be seen from here: rounds go on until it ends.
                    while looked.wait(timeout: .now() + .milliseconds(1)) == .timedOut { _ = rounds.next() }
                    done.resume()
                }
            }
            #expect(NIODeadline.now() - begun < Self.limit)
        }
    }

    @Test func whoIsCrowdedOutPausesForLongerEachTime() async throws {
        try await withPair { here, there in
            var poll = patient()
            #expect(write(there, "x", 1) == 1)
            let pauses = (0..<5).map { _ in poll.crowdedOut() }
            #expect(pauses == [16, 64, 256, 1_024, 1_024])
            var rounds = 0
            for _ in 0..<BusyPoll.roundsAlone { poll.roundEnded(of: 7) }
            repeat {
                poll.roundEnded(of: 7)
                rounds += 1
            } while !poll.look(at: here, for: .answer)
            #expect(rounds == 1_025)
            for _ in 0..<2_000 { poll.found() }
            #expect(poll.crowdedOut() == 16)
        }
    }

    @Test func theLookIsAsLongAsThePacketsTake() {
        let limit = TimeAmount.microseconds(250)
        var poll = BusyPoll(limit: limit, among: BusyPoll.Rounds())
        #expect(poll.window(of: .answer) == BusyPoll.shortest)
        for _ in 0..<3 { poll.came(.answer, after: .microseconds(100)) }
        // 80 are too few for 100, 160 are enough.
        #expect(poll.window(of: .answer) == .microseconds(80))
        for _ in 0..<100 { poll.came(.answer, after: .microseconds(100)) }
        #expect(poll.window(of: .answer) == .microseconds(160))
        for _ in 0..<100 { poll.came(.answer, after: limit) }
        #expect(poll.window(of: .answer) == limit)
        #expect(poll.window(of: .command) == BusyPoll.shortest, "a client's commands take their own time")
        poll.came(.answer, after: limit + .nanoseconds(1))
        #expect(poll.window(of: .answer) == .zero)
        poll.came(.answer, after: .microseconds(100))
        #expect(poll.window(of: .answer) == BusyPoll.shortest)
    }

    /// The times are taken from one round of a client to the next.
    @Test func onlyItsOwnRoundsTellOfAClientsPackets() async throws {
        try await withPair { here, there in
            let limit = TimeAmount.seconds(20)
            var poll = BusyPoll(limit: limit, among: BusyPoll.Rounds())
            #expect(write(there, "x", 1) == 1)
            for _ in 0...BusyPoll.roundsAlone { poll.roundEnded(of: 7) }
            _ = poll.look(at: here, for: .answer)
            letPass(BusyPoll.shortest)
            poll.roundEnded(of: 8)
            #expect(poll.window(of: .answer) == BusyPoll.shortest)
            for _ in 0...BusyPoll.roundsAlone { poll.roundEnded(of: 7) }
            _ = poll.look(at: here, for: .answer)
            letPass(BusyPoll.shortest)
            poll.roundEnded(of: 7)
            #expect(poll.window(of: .answer) == BusyPoll.shortest * 2)
        }
    }
}
