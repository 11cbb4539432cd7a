/// A growing piece of memory for the many short appends of columns, where a `ByteBuffer`'s bookkeeping would cost more than the copy.
/// Its owner frees it.
struct ByteSink {
    private(set) var bytes: UnsafeMutablePointer<UInt8>?
    private(set) var count = 0
    private var capacity = 0

    var all: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: bytes, count: count) }

    @inline(__always)
    mutating func append(_ source: UnsafePointer<UInt8>, _ length: Int) {
        if length > capacity - count { grow(by: length) }
        guard let bytes, length > 0 else { return }
        // Most values are a few bytes, for which a call costs more than a loop.
        if length <= 8 {
            for index in 0..<length { bytes[count + index] = source[index] }
        } else {
            (bytes + count).update(from: source, count: length)
        }
        count += length
    }

    @inline(never)
    private mutating func grow(by length: Int) {
        capacity = max(count + length, 2 * capacity, 64)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        if let bytes {
            larger.update(from: bytes, count: count)
            bytes.deallocate()
        }
        bytes = larger
    }

    mutating func free() {
        bytes?.deallocate()
        self = ByteSink()
    }
}
