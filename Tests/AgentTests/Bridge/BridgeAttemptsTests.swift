import ClusterCore
import Testing

@testable import Agent

@Suite struct BridgeAttemptsTests {
    @Test func pausesAreShortForSomeSecondsAndThenLong() {
        var attempts = BridgeAttempts()
        let searching = BridgeState.following(.searching(reason: "no node"))
        for _ in 0..<BridgeAttempts.shortPausesMax {
            let pause = attempts.pause(in: searching)
            #expect(pause == BridgeAttempts.shortPause)
        }
        let pause = attempts.pause(in: searching)
        #expect(pause == BridgeAttempts.longPause)
    }

    /// After so many of them the site is fenced: they are a clock.
    @Test func waitingForALeaderKeepsItsPace() {
        var attempts = BridgeAttempts()
        let (waiting, searching) = (
            attempts.pause(in: .waiting), attempts.pause(in: .following(.searching(reason: "")))
        )
        #expect(waiting == BridgeAttempts.longPause && searching == BridgeAttempts.shortPause)
    }

    @Test func aReasonIsNewOnce() {
        var attempts = BridgeAttempts()
        let news = ["refused", "refused", "still in the cluster", "refused"].map { attempts.failed($0) }
        #expect(news == [true, false, true, true])
    }
}
