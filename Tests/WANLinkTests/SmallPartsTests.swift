import Channels
import ClusterCore
import NIOCore
import Testing

@testable import WANLink

@Suite struct SmallPartsTests {
    @Test(arguments: [
        ("db1:7654", PeerAddress(host: "db1", port: 7654)), ("10.0.0.1:1", PeerAddress(host: "10.0.0.1", port: 1)),
        ("[::1]:80", PeerAddress(host: "::1", port: 80)), ("::1:80", nil), ("db1", nil), ("db1:", nil), (":80", nil),
        ("db1:65536", nil), ("db 1:80", nil), ("http://db1:80", nil), ("", nil), ("[]:80", nil), ("db1:-1", nil),
    ])
    func addressesAreParsed(text: String, expected: PeerAddress?) {
        #expect(PeerAddress(text) == expected)
        if let expected { #expect(expected.description == text) }
    }

    @Test func silenceIsNoticedAfterFourTicks() {
        var keepalive = Keepalive()
        let actions = (0..<5).map { _ in keepalive.tick() }
        #expect(actions == [.ping, .ping, .ping, .ping, .dead])
    }

    @Test func anyByteKeepsALineAlive() {
        var keepalive = Keepalive()
        for _ in 0..<100 {
            keepalive.heard()
            let actions = (0..<4).map { _ in keepalive.tick() }
            #expect(!actions.contains(.dead))
        }
    }

    @Test func backoffDoublesWithJitterUpToASecond() {
        var random = SplitMix64(seed: 1)
        var backoff = Backoff()
        let expected: [Int64] = [50, 100, 200, 400, 800, 1_000, 1_000, 1_000]
        for whole in expected {
            let wait = backoff.next(using: &random).nanoseconds / 1_000_000
            #expect((whole / 2...whole).contains(wait))
        }
        backoff.wasUp(for: .milliseconds(10))
        let stillLong = backoff.next(using: &random)
        #expect(stillLong >= .milliseconds(500))
        backoff.wasUp(for: .seconds(5))
        let shortAgain = backoff.next(using: &random)
        #expect(shortAgain <= .milliseconds(50))
    }

    @Test func theSameComplaintIsNewsOnceAMinute() {
        var word = LastWord()
        let start = NIODeadline.now()
        let complaints: [(String, TimeAmount)] = [
            ("refused", .zero), ("refused", .seconds(59)), ("timed out", .seconds(59)),
            ("refused", .milliseconds(59_500)),
            ("timed out", .seconds(119)),
        ]
        let news = complaints.map { word.isNews($0.0, now: start + $0.1) }
        #expect(news == [true, false, true, false, true])
    }

    @Test func repeatedWarningsAreCountedInsteadOfWritten() {
        let log = LogRecorder()
        var limiter = LogLimiter()
        let start = NIODeadline.now()
        for _ in 0..<50 { limiter.warn(log.logger, "garbage", now: start) }
        limiter.warn(log.logger, "garbage", now: start + .seconds(11))
        #expect(log.lines == ["warning: garbage", "warning: garbage (and 49 more like it)"])
    }

    @Test func theRoundTripIsSmoothed() {
        var roundTrip = RoundTrip(previous: nil, sampleNanoseconds: 8_000)
        #expect(roundTrip.duration == .nanoseconds(8_000))
        roundTrip = RoundTrip(previous: roundTrip, sampleNanoseconds: 16_000)
        #expect(roundTrip.duration == .nanoseconds(9_000))
    }

    @Test func aPeersTextCannotForgeLogLines() {
        #expect("a\nERROR forged\u{1B}[31m".printable == "aERROR forged[31m")
        #expect(String(repeating: "x", count: 5_000).printable.count == 1_024)
    }
}
