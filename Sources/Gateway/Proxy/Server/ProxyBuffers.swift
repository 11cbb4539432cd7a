import NIOCore

/// What one connection may hold: reads grow with the stream, writes stop the other side's reading.
enum ProxyBuffers {
    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 64 << 10, high: 256 << 10)
    static let reads = PassingReads()
    /// With more than one SwiftNIO keeps as many buffers on every connection.
    static let messagesPerRead: UInt = 1
}

/// Buffers for what is passed on at once: a new one for each read, so that a connection on which nothing happens holds none.
///
/// SwiftNIO's own allocators leave every connection the buffers of its last reads, in the size of the largest of them. Here only
/// the first, small one stays with it: what is read into it are greetings and logins. Needs
/// ``ProxyBuffers/messagesPerRead``.
struct PassingReads: RecvByteBufferAllocator {
    static let firstBytes = 256
    /// As much as the allocator hands out from its fastest lists.
    static let bytesMin = 1 << 10
    static let bytesMax = 128 << 10
    /// So many short reads in succession, and the next ones are half as large: answers of all sizes come in turns.
    static let shortReadsMax = 32

    private(set) var bytes = Self.firstBytes
    private var shortReads = 0

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { allocator.buffer(capacity: bytes) }

    /// None: a buffer is never taken again.
    func nextBufferSize() -> Int? { nil }

    /// - Returns: true, for SwiftNIO not to take the first buffer again.
    mutating func record(actualReadBytes: Int) -> Bool {
        if bytes < Self.bytesMin {
            bytes = Self.bytesMin
        } else if actualReadBytes >= bytes {
            bytes = min(bytes * 2, Self.bytesMax)
            shortReads = 0
        } else if actualReadBytes > bytes / 2 {
            shortReads = 0
        } else {
            shortReads += 1
            guard shortReads >= Self.shortReadsMax else { return true }
            bytes = max(bytes / 2, Self.bytesMin)
            shortReads = 0
        }
        return true
    }
}
