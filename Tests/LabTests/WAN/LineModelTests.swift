import LabSupport
import Testing

extension LabTests {
    /// The emulated line as a pure model: times in nanoseconds, chance from a seed.
    @Suite struct LineModelTests {
        @Test func delayAndRateAddUp() {
            // 1,000 bytes at 1 MB/s take 1 ms, and then 40 ms on the way.
            var model = LineModel(Line(delay: .milliseconds(40), bytesPerSecond: 1_000_000), seed: 1)
            #expect(model.offer(1_000, now: 0) == .deliver(at: 41_000_000))
            #expect(model.offer(1_000, now: 0) == .deliver(at: 42_000_000))
            #expect(model.offer(1_000, now: 10_000_000) == .deliver(at: 51_000_000))
        }

        @Test func aFullQueueDropsTheTail() {
            var model = LineModel(Line(bytesPerSecond: 1_000_000, queueBytes: 3_000), seed: 1)
            let fates = (0..<5).map { _ in model.offer(1_000, now: 0) }
            #expect(fates.filter { $0 == .dropped }.count == 2)
            #expect(model.counters.dropped == 2)
            #expect(model.offer(1_000, now: 1_000_000) == .deliver(at: 4_000_000))
        }

        @Test func lossIsAsAskedForAndRepeatsWithItsSeed() {
            func lost(_ seed: UInt64) -> [Int] {
                var model = LineModel(Line(loss: 0.01), seed: seed)
                return (0..<100_000).filter { _ in model.offer(100, now: 0) == .lost }
            }
            let first = lost(7)
            #expect((900...1_100).contains(first.count), "\(first.count) of 100,000 at 1 %")
            #expect(first == lost(7))
            #expect(first != lost(8))
        }

        @Test func jitterKeepsTheOrder() {
            var model = LineModel(Line(delay: .milliseconds(10), jitter: .milliseconds(5)), seed: 3)
            var last: UInt64 = 0
            for packet in 0..<1_000 {
                guard case .deliver(let due) = model.offer(100, now: UInt64(packet) * 100_000) else {
                    Issue.record("packet \(packet) was not delivered")
                    return
                }
                #expect(due >= last)
                #expect(due >= UInt64(packet) * 100_000 + 10_000_000)
                last = due
            }
        }

        @Test func aBlackHoleAndANewRateTakeEffectAtOnce() {
            var model = LineModel(Line(bytesPerSecond: 1_000_000), seed: 1)
            _ = model.offer(10_000, now: 0)
            model.set(Line(bytesPerSecond: 10_000_000), now: 0)
            // The 10,000 bytes that waited now need 1 ms.
            #expect(model.offer(10_000, now: 0) == .deliver(at: 10_000_000))
            model.set(Line(swallows: true), now: 0)
            #expect(model.offer(1, now: 0) == .swallowed)
            #expect(model.counters.swallowed == 1)
        }
    }
}
