import ClusterCore
import Testing

@testable import Agent

/// What is kept of the log when days pass, on a clock that the test moves.
@Suite struct RetentionPolicyTests {
    private static let hour: UInt64 = 3_600
    private static let start: UInt64 = 1_700_000_000
    private let policy = RetentionPolicy(keepSeconds: 168 * hour, sizeMaxBytes: 1_000)

    /// A segment of ten entries and 64 bytes each hour; the last one takes more.
    private func segments(_ count: UInt64) -> [RetentionPolicy.Segment] {
        (1...count).map { number in
            .init(
                last: LSN(number * 10), fileBytes: 64,
                sealed: number == count ? nil : Self.start + number * Self.hour)
        }
    }

    @Test func aLearnerStoppedForAWeekFindsItsPosition() {
        // It has applied 35 entries; eight days pass.
        let now = Self.start + 8 * 24 * Self.hour
        let through = policy.purgeable(segments(10), applied: LSN(100), everywhere: LSN(35), now: now)
        #expect(through == LSN(30))
    }

    @Test func nothingYoungGoesThoughEverybodyHasIt() {
        let all = segments(10)
        #expect(
            policy.purgeable(all, applied: LSN(100), everywhere: LSN(100), now: Self.start + 168 * Self.hour) == nil)
        let later = Self.start + 171 * Self.hour + 1
        #expect(policy.purgeable(all, applied: LSN(100), everywhere: LSN(100), now: later) == LSN(30))
        let muchLater = Self.start + 1_000 * Self.hour
        #expect(policy.purgeable(all, applied: LSN(100), everywhere: LSN(100), now: muchLater) == LSN(90))
    }

    @Test func aMemberThatWasNeverHeardOfKeepsEverything() {
        let now = Self.start + 1_000 * Self.hour
        #expect(policy.purgeable(segments(10), applied: LSN(100), everywhere: nil, now: now) == nil)
    }

    @Test func theBoundInSizeLeavesTheSlowBehindButNotTheOwnDatabase() {
        let now = Self.start + 24 * Self.hour
        // 20 segments of 64 bytes are 280 too many: five go.
        #expect(policy.purgeable(segments(20), applied: LSN(200), everywhere: LSN(5), now: now) == LSN(50))
        #expect(policy.purgeable(segments(20), applied: LSN(25), everywhere: LSN(5), now: now) == LSN(20))
    }

    @Test func aClockBeforeTheRetentionIsNoTrap() {
        #expect(policy.purgeable(segments(3), applied: LSN(30), everywhere: LSN(30), now: 5) == nil)
    }
}
