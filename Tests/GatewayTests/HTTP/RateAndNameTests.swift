import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing

@testable import Gateway

@Suite("Rate limits and request names") struct RateAndNameTests {
    @Test("A caller has one second's worth at once, then so many a second")
    func bucket() {
        let limiter = RateLimiter(perSecond: 10)
        let start = NIODeadline.now()
        for _ in 0..<10 { #expect(limiter.secondsToWait("a", now: start) == nil) }
        #expect(limiter.secondsToWait("a", now: start) == 1)
        #expect(limiter.secondsToWait("b", now: start) == nil, "others have their own")
        #expect(limiter.secondsToWait("a", now: start + .milliseconds(100)) == nil)
        #expect(limiter.secondsToWait("a", now: start + .milliseconds(100)) == 1)
        for _ in 0..<10 { #expect(limiter.secondsToWait("a", now: start + .seconds(60)) == nil) }
        #expect(
            limiter.secondsToWait("a", now: start + .seconds(60)) == 1, "more than one second's worth is not saved up")
    }

    @Test("Any number of callers takes a bounded room, and nobody known is forgotten while he is limited")
    func bounds() {
        let limiter = RateLimiter(perSecond: 1)
        let start = NIODeadline.now()
        #expect(limiter.secondsToWait("known", now: start) == nil)
        for number in 0..<(RateLimiter.callersMax * 2) { _ = limiter.secondsToWait("\(number)", now: start) }
        #expect(limiter.callerCount <= RateLimiter.callersMax + 1)
        #expect(limiter.secondsToWait("known", now: start) == 1)
        _ = limiter.secondsToWait("later", now: start + .seconds(5))
        #expect(limiter.callerCount <= 2)
    }

    @Test("Over the wire: 429 with Retry-After for changes, never for status and health")
    func wire() async throws {
        var configuration = HTTPAPIConfiguration()
        configuration.requestsPerSecond = 2
        try await withAPI(configuration) { client in
            var statuses: [Int] = []
            for _ in 0..<20 {
                let answer = try await client.post("/cluster/switchover", "{}")
                statuses.append(answer.status.code)
                if answer.status.code == 429 {
                    #expect(answer.headers[.retryAfter] == "1")
                    #expect(try answer.problem.kind == .tooManyRequests)
                }
            }
            #expect(statuses.contains(200) && statuses.contains(429))
            for path in ["/status", "/health", "/metrics"] {
                #expect(try await client.execute(uri: path, method: .get).status == .ok)
            }
            // Guessing tokens is limited as well.
            var guesses: Set<Int> = []
            for _ in 0..<20 {
                guesses.insert(
                    try await client.post("/cluster/switchover", "{}", headers: [.authorization: "Bearer wrong"]).status
                        .code)
            }
            #expect(guesses.contains(429))
        }
    }

    @Test("A sane name of a request is taken over, another one is replaced; every answer has one")
    func names() async throws {
        try await withAPI { client in
            let sane = "order-17:a.b_C"
            let echoed = try await client.execute(uri: "/status", method: .get, headers: [.requestID: sane])
            #expect(echoed.headers[.requestID] == sane)
            for insane in ["a b", "é", String(repeating: "x", count: 65), "a\"b", "<script>"] {
                let answer = try await client.execute(uri: "/nowhere", method: .get, headers: [.requestID: insane])
                let made = try #require(answer.headers[.requestID])
                #expect(answer.status == .notFound && made != insane && RequestName.isSane(made))
            }
            let first = try await client.execute(uri: "/health", method: .get).headers[.requestID]
            let second = try await client.execute(uri: "/health", method: .get).headers[.requestID]
            #expect(first != nil && first != second)
        }
    }
}
