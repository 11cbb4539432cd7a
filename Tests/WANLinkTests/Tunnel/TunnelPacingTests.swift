import NIOCore
import Testing

@testable import WANLink

@Suite struct TunnelPacingTests {
    private func pacing() -> TunnelPacing<Int> { TunnelPacing(sliceBytesMax: 100, readBytesMax: 10) }

    @Test func aSliceIsSharedInOrder() {
        var pacing = pacing()
        #expect(pacing.isIdle)
        let first = (0..<9).map { pacing.mayGoOn($0, after: 10) }
        #expect(first.allSatisfy { $0 })
        // The share is used up: this one and all later ones wait, each once.
        let later = (9..<40).map { pacing.mayGoOn($0, after: 10) } + [pacing.mayGoOn(9, after: 0)]
        #expect(!later.contains(true))
        // What was read beyond is paid back first.
        var released: [Int] = []
        var slices = 0
        while !pacing.isIdle {
            let now = pacing.nextSlice()
            #expect(now.count <= 10)
            released += now
            slices += 1
        }
        #expect(released == Array(9..<40))
        #expect(slices < 20)
    }

    @Test func whoIsGoneDoesNotWait() {
        var pacing = pacing()
        for id in 0..<4 { _ = pacing.mayGoOn(id, after: 100) }
        pacing.forget(2)
        var released: [Int] = []
        for _ in 0..<10 { released += pacing.nextSlice() }
        #expect(released == [0, 1, 3])
        #expect(pacing.isIdle)
    }

    /// However many want how much: a slice never gives more than its share, over time.
    @Test func theShareHolds() {
        var pacing = pacing()
        var readers = Array(0..<50)
        var reads = [Int](repeating: 0, count: 50)
        let slices = 500
        for _ in 0..<slices {
            while !readers.isEmpty {
                let id = readers.removeFirst()
                reads[id] += 1
                if pacing.mayGoOn(id, after: 10) { readers.append(id) }
            }
            readers = pacing.nextSlice()
        }
        let total = reads.reduce(0, +)
        #expect(total <= 10 * slices + 60 && total >= 10 * slices - 60, "\(total)")
        // Nobody is forgotten.
        #expect(reads.allSatisfy { $0 > 10 }, "\(reads)")
    }

    @Test func turnsOfOneMember() {
        var turns = TunnelTurns()
        let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var waits: [TimeAmount] = []
        while let wait = turns.take(1, now: now) { waits.append(wait) }
        #expect(waits.prefix { $0 == .zero }.count >= 50)
        #expect(waits.filter { $0 <= .seconds(1) }.count < 200)
        #expect(waits.count < 600)
        let others = [turns.take(2, now: now), turns.take(1, now: now + .seconds(20))]
        #expect(others == [.zero, .zero])
    }
}
