/// Packets in the order in which they come out of a line, in one piece of memory made once: no allocation a packet.
///
/// A record is its due time (8 bytes), its length (8 bytes) and the packet; it is never split at the end of the memory.
struct PacketQueue: ~Copyable {
    private static let headerBytes = 16
    private let memory: UnsafeMutableRawPointer
    private let capacityBytes: Int
    private let packetBytesMax: Int
    /// Where the next record is read and written. `end` is where the readable part ends when `tail` has wrapped.
    private var head = 0
    private var tail = 0
    private var end: Int
    private var count = 0

    init(capacityBytes: Int, packetBytesMax: Int) {
        self.capacityBytes = capacityBytes
        self.packetBytesMax = packetBytesMax
        end = capacityBytes
        memory = .allocate(byteCount: capacityBytes, alignment: 16)
    }

    deinit { memory.deallocate() }

    var isEmpty: Bool { count == 0 }
    var nextDue: UInt64? { count == 0 ? nil : memory.load(fromByteOffset: head, as: UInt64.self) }

    /// Where a packet of the greatest size may be written now, to be kept with ``append(_:due:)``; nil when there is no room.
    mutating func room() -> UnsafeMutableRawBufferPointer? {
        let needed = Self.headerBytes + packetBytesMax
        if count == 0 { (head, tail, end) = (0, 0, capacityBytes) }
        if tail >= head, capacityBytes - tail < needed, count > 0 {
            guard head > needed else { return nil }
            end = tail
            tail = 0
        }
        let limit = tail < head || (tail == head && count > 0) ? head : capacityBytes
        guard limit - tail >= needed else { return nil }
        return UnsafeMutableRawBufferPointer(start: memory + tail + Self.headerBytes, count: packetBytesMax)
    }

    /// Keeps the `bytes` that were written to ``room()``.
    mutating func append(_ bytes: Int, due: UInt64) {
        precondition(bytes <= packetBytesMax, "a packet of \(bytes) bytes in a queue for \(packetBytesMax)")
        memory.storeBytes(of: due, toByteOffset: tail, as: UInt64.self)
        memory.storeBytes(of: UInt64(bytes), toByteOffset: tail + 8, as: UInt64.self)
        tail += Self.headerBytes + (bytes + 15) & ~15
        count += 1
    }

    /// Takes the first packet out; its memory stays valid until the next call of ``append(_:due:)``.
    mutating func removeFirst() -> UnsafeRawBufferPointer? {
        guard count > 0 else { return nil }
        let bytes = Int(memory.load(fromByteOffset: head + 8, as: UInt64.self))
        let packet = UnsafeRawBufferPointer(start: memory + head + Self.headerBytes, count: bytes)
        head += Self.headerBytes + (bytes + 15) & ~15
        count -= 1
        if head == end { (head, end) = (0, capacityBytes) }
        return packet
    }
}
