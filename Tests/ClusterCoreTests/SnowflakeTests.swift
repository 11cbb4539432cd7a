import ClusterCore
import Testing

@Suite("Snowflake ids")
struct SnowflakeTests {
    private let start = Snowflake.epochMs + 1_000

    private func id(_ outcome: Snowflake.Outcome) -> UInt64? { if case .id(let id) = outcome { id } else { nil } }

    @Test("The epoch is 2024-01-01T00:00:00Z")
    func epoch() {
        // 54 years, of which 1972 to 2020 had 13 leap days.
        #expect(Snowflake.epochMs == (54 * 365 + 13) * 86_400_000)
    }

    @Test("41 bits of time, 10 of the node, 12 of the sequence")
    func layout() throws {
        var snowflake = Snowflake(node: node(1_023))
        let first = try #require(id(snowflake.next(nowMs: start)))
        let second = try #require(id(snowflake.next(nowMs: start)))
        #expect(first == 1_000 << 22 | 1_023 << 12)
        #expect(Snowflake.milliseconds(of: second) == start)
        #expect(Snowflake.nodeNumber(of: second) == 1_023)
        #expect(Snowflake.sequence(of: second) == 1)
    }

    @Test("4,096 in a millisecond, then the next is waited for")
    func exhausted() {
        var snowflake = Snowflake(node: node(1))
        var ids: Set<UInt64> = []
        for _ in 0..<4_096 { if let id = id(snowflake.next(nowMs: start)) { ids.insert(id) } }
        #expect(ids.count == 4_096)
        #expect(snowflake.next(nowMs: start) == .waitUntil(ms: start + 1))
        #expect(snowflake.next(nowMs: start) == .waitUntil(ms: start + 1))
        #expect(id(snowflake.next(nowMs: start + 1)) == 1_001 << 22 | 1 << 12)
    }

    @Test("A clock that jumps back makes no id twice, whatever it does")
    func neverTwice() {
        var random = SplitMix64(seed: 7)
        var snowflake = Snowflake(node: node(5))
        var now = start
        var last: UInt64 = 0
        var made = 0
        for _ in 0..<200_000 {
            switch random.below(100) {
            case 0: now -= min(random.below(1_500), now - Snowflake.epochMs)
            case 1: now += random.below(1_500)
            case 2...40: now += 1
            default: break
            }
            guard let id = id(snowflake.next(nowMs: now)) else { continue }
            #expect(id > last)
            last = id
            made += 1
        }
        #expect(made > 10_000)
    }

    @Test("A little back goes on in the last millisecond, far back waits for it")
    func backwards() {
        var snowflake = Snowflake(node: node(1))
        _ = snowflake.next(nowMs: start + 5_000)
        #expect(id(snowflake.next(nowMs: start + 4_000)) == 6_000 << 22 | 1 << 12 | 1)
        #expect(snowflake.next(nowMs: start + 3_999) == .waitUntil(ms: start + 5_000))
    }

    @Test("A restarted node goes on after what it may have made")
    func restarted() {
        var snowflake = Snowflake(node: node(1), startingAfterMs: start)
        #expect(id(snowflake.next(nowMs: start)) == 1_001 << 22 | 1 << 12)
    }

    @Test("Before the epoch and after 2093 there are none")
    func outOfRange() {
        var snowflake = Snowflake(node: node(1))
        #expect(snowflake.next(nowMs: Snowflake.epochMs - 1) == .clockOutOfRange)
        #expect(snowflake.next(nowMs: Snowflake.epochMs + 1 << 41) == .clockOutOfRange)
        #expect(id(snowflake.next(nowMs: Snowflake.epochMs + (1 << 41) - 1)).map { $0 >> 63 } == 0)
    }
}
