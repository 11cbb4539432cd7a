import ClusterCore
import NIOCore
import Testing

@testable import WANLink

@Suite struct ReassemblyTests {
    private static func frame(_ sequence: UInt64) -> BulkFrame {
        BulkFrame(sequence: sequence, form: .stored, cost: 10, rawBytes: 8, content: ByteBuffer(integer: sequence))
    }

    @Test(arguments: 0..<100) func anyOrderOfStreamsComesOutInOrder(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let streams = Int.random(in: 1...8, using: &random)
        var queues = [[UInt64]](repeating: [], count: streams)
        for sequence in 0..<500 { queues[Int.random(in: 0..<streams, using: &random)].append(UInt64(sequence)) }
        var reassembly = Reassembly()
        var out: [UInt64] = []
        while let stream = queues.indices.filter({ !queues[$0].isEmpty }).randomElement(using: &random) {
            for ready in try reassembly.insert(Self.frame(queues[stream].removeFirst())) { out.append(ready.sequence) }
        }
        #expect(out == Array(0..<500), "seed \(seed)")
        #expect(reassembly.waitingBytes == 0)
    }

    @Test func aGapHoldsBackWhatFollows() throws {
        var reassembly = Reassembly()
        #expect(try reassembly.insert(Self.frame(1)).isEmpty)
        #expect(try reassembly.insert(Self.frame(2)).isEmpty)
        #expect(reassembly.waitingBytes == 20)
        #expect(try reassembly.insert(Self.frame(0)).map(\.sequence) == [0, 1, 2])
    }

    @Test func doubledAndFarFramesAreRefused() throws {
        var reassembly = Reassembly()
        _ = try reassembly.insert(Self.frame(0))
        #expect(throws: BulkError.outOfOrder(sequence: 0, expected: 1)) { try reassembly.insert(Self.frame(0)) }
        _ = try reassembly.insert(Self.frame(2))
        #expect(throws: BulkError.outOfOrder(sequence: 2, expected: 1)) { try reassembly.insert(Self.frame(2)) }
        #expect(throws: BulkError.outOfOrder(sequence: .max, expected: 1)) {
            try reassembly.insert(Self.frame(.max))
        }
    }

    @Test func framesSurviveTheWireAndLiesAreRefused() throws {
        func bytes(form: UInt8 = 1, cost: UInt32 = 10, raw: UInt32 = 100, content: Int = 10) -> ByteBuffer {
            var buffer = ByteBuffer()
            buffer.writeMultipleIntegers(UInt64(7), form, cost, raw)
            buffer.writeRepeatingByte(3, count: content)
            return buffer
        }
        let frame = try BulkFrame(bytes(), rawBytesMax: 100)
        #expect(frame.sequence == 7 && frame.form == .zstd && frame.cost == 10 && frame.rawBytes == 100)
        for lie in [
            bytes(form: 2), bytes(cost: 9), bytes(raw: 101), bytes(raw: .max), bytes(form: 0, raw: 11),
            ByteBuffer(bytes: [1, 2]),
        ] {
            #expect(throws: BulkError.self) { try BulkFrame(lie, rawBytesMax: 100) }
        }
    }
}
