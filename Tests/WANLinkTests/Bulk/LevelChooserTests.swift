import NIOCore
import Testing

@testable import WANLink

@Suite struct LevelChooserTests {
    /// Runs a chooser against a machine on which a level needs so much time for a byte and gives such a ratio.
    ///
    /// - Parameter bytesPerSecond: of bulk, before compression.
    private func run(
        seconds: Int, bytesPerSecond: Int = 10 << 20, receiverLimits: Bool = false,
        cost: (Int) -> (nanosecondsPerByte: Double, ratio: Double)
    ) -> [Int] {
        var chooser = LevelChooser()
        var levels: [Int] = []
        var now = NIODeadline.uptimeNanoseconds(1)
        for _ in 0..<(seconds * 10) {
            let raw = bytesPerSecond / 10
            let (nanoseconds, ratio) = cost(chooser.level)
            now = now + .milliseconds(100)
            chooser.note(
                rawBytes: raw, wireBytes: Int(Double(raw) / ratio),
                busy: .nanoseconds(Int64(Double(raw) * nanoseconds)),
                now: now, receiverLimits: receiverLimits)
            levels.append(chooser.level)
        }
        return levels
    }

    /// As measured, roughly: level 1 at 650 MB/s, 3 at 290, 7 at 95, 9 at 55.
    private func pace(_ level: Int) -> Double { [1: 1.5, 3: 3.5, 7: 10.5, 9: 18][level] ?? 100 }

    @Test func aThinLineGetsTheHighestLevelThatPays() {
        let levels = run(seconds: 60) { (pace($0), [1: 2.6, 3: 3.4, 7: 3.9, 9: 4.1][$0] ?? 1) }
        #expect(levels.first == 1 && levels.last == 9)
    }

    @Test func aLevelThatDoesNotPayIsPassedOver() {
        // Sysbench's rows: level 3 is worse than 1, 7 is better.
        let levels = run(seconds: 60) { (pace($0), [1: 3.2, 3: 2.98, 7: 3.3, 9: 3.31][$0] ?? 1) }
        #expect(levels.contains(3) && levels.last == 7)
        let changes = zip(levels, levels.dropFirst()).count { $0 != $1 }
        #expect(changes <= 8, "each change loses the history")
    }

    @Test func incompressibleDataStaysCheap() {
        #expect(Set(run(seconds: 300) { (pace($0), 1.0) }) == [1])
    }

    @Test func aBusyProcessorLowersTheLevel() {
        let levels = run(seconds: 300, bytesPerSecond: 50 << 20) { (pace($0), Double($0)) }
        #expect(levels.last.map { $0 <= 3 } == true)
        #expect(levels.count { $0 >= 7 } < levels.count / 10, "too dear for this line")
    }

    @Test func aSlowReceiverIsNoReasonToCompressMore() {
        let levels = run(seconds: 60, receiverLimits: true) { (pace($0), Double($0)) }
        #expect(Set(levels) == [1])
    }
}
