import NIOCore
import Testing

@testable import Gateway

@Suite struct PassingReadsTests {
    @Test func growsWithFullReadsAndShrinksAfterManyShortOnes() {
        var reads = PassingReads()
        #expect(reads.buffer(allocator: ByteBufferAllocator()).capacity == PassingReads.firstBytes)
        var mayGrow = reads.record(actualReadBytes: 80)
        #expect(mayGrow && reads.bytes == PassingReads.bytesMin)
        for _ in 0..<10 { mayGrow = reads.record(actualReadBytes: reads.bytes) }
        #expect(mayGrow && reads.bytes == PassingReads.bytesMax)
        for _ in 1..<PassingReads.shortReadsMax { mayGrow = reads.record(actualReadBytes: 100) }
        #expect(reads.bytes == PassingReads.bytesMax)
        for _ in 0..<1_000 { mayGrow = reads.record(actualReadBytes: 100) }
        #expect(mayGrow && reads.bytes == PassingReads.bytesMin)
    }

    /// What of a connection's buffers outlives their use.
    @Test func aPoolKeepsTheFirstBufferOnly() {
        var pool = NIOPooledRecvBufferAllocator(
            capacity: Int(ProxyBuffers.messagesPerRead), recvAllocator: ProxyBuffers.reads)
        for _ in 0..<5 {
            let (buffer, count) = pool.buffer(allocator: ByteBufferAllocator()) { $0.writeRepeatingByte(1, count: 100) }
            #expect(buffer.readableBytes == count)
            pool.record(actualReadBytes: count)
        }
        #expect(pool.count == 1)
        let (last, _) = pool.buffer(allocator: ByteBufferAllocator()) { $0.writeInteger(UInt8(1)) }
        #expect(last.capacity >= PassingReads.bytesMin && last.readableBytes == 1)
    }
}
