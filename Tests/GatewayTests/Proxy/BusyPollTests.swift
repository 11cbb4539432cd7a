import Glibc
import NIOCore
import Testing

@testable import Gateway

@Suite struct BusyPollTests {
    /// Both ends of a connection.
    private func makePair() throws -> (CInt, CInt) {
        var ends: [CInt] = [0, 0]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        return (ends[0], ends[1])
    }

    /// Long enough that a test which waits for it to end by itself would be noticed.
    private static let limit = TimeAmount.seconds(30)

    @Test func whatIsThereIsFoundAtOnce() throws {
        let (one, other) = try makePair()
        defer {
            close(one)
            close(other)
        }
        var poll = BusyPoll(limit: Self.limit)
        for _ in 0...BusyPoll.roundsAlone { poll.roundEnded(of: 7) }
        #expect(write(other, "x", 1) == 1)
        let begun = NIODeadline.now()
        poll.look(at: one, for: .answer)
        #expect(NIODeadline.now() - begun < Self.limit)
    }

    @Test func nothingIsLookedForWhileSeveralClientsAreBusy() throws {
        let (one, other) = try makePair()
        defer {
            close(one)
            close(other)
        }
        var poll = BusyPoll(limit: Self.limit)
        let begun = NIODeadline.now()
        // Each of them would last for the limit.
        for round in 0..<100 {
            poll.roundEnded(of: UInt32(round % 2))
            poll.look(at: one, for: .answer)
        }
        for _ in 0..<100 {
            poll.roundEnded(of: nil)
            poll.look(at: one, for: .answer)
        }
        for _ in 0..<BusyPoll.roundsAlone {
            poll.roundEnded(of: 7)
            poll.look(at: one, for: .answer)
        }
        var never = BusyPoll(limit: .zero)
        for _ in 0..<100 {
            never.roundEnded(of: 7)
            never.look(at: one, for: .answer)
        }
        #expect(NIODeadline.now() - begun < Self.limit)
    }

    @Test func whatDoesNotHelpIsTriedEverMoreRarely() {
        var poll = BusyPoll(limit: .microseconds(1))
        var tries = 0
        for _ in 0..<100_000 where poll.mayTry(.answer) {
            tries += 1
            poll.lost(.answer)
        }
        // 10 on the way to the longest pause, and one in 1,024 from then on.
        #expect((90...120).contains(tries), "\(tries)")
        let mayLookForCommand = poll.mayTry(.command)
        #expect(mayLookForCommand, "a client's commands have their own luck")
        while !poll.mayTry(.answer) {}
        poll.found(.answer)
        for _ in 0..<100 {
            let mayTry = poll.mayTry(.answer)
            #expect(mayTry)
        }
    }
}
