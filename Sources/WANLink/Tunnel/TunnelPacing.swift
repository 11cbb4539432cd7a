import NIOCore

/// Shares the loop between tunnels and everything else: so many bytes a slice of time, and who comes after waits for a later
/// one, first come, first served. Without I/O and without a clock.
struct TunnelPacing<ID: Hashable> {
    let sliceBytesMax: Int
    /// What a waiting one is counted as until it has read.
    let readBytesMax: Int
    private(set) var leftBytes: Int
    private var queue: CircularBuffer<ID> = []
    private var isWaiting: Set<ID> = []

    init(sliceBytesMax: Int, readBytesMax: Int) {
        self.sliceBytesMax = sliceBytesMax
        self.readBytesMax = readBytesMax
        leftBytes = sliceBytesMax
    }

    var isIdle: Bool { leftBytes == sliceBytesMax && queue.isEmpty }

    /// Something was read.
    ///
    /// - Returns: whether more may be; otherwise ``nextSlice()`` will name it.
    mutating func mayGoOn(_ id: ID, after bytes: Int) -> Bool {
        leftBytes -= bytes
        guard leftBytes <= 0 else { return true }
        if isWaiting.insert(id).inserted { queue.append(id) }
        return false
    }

    mutating func forget(_ id: ID) {
        if isWaiting.remove(id) != nil { queue.removeAll { $0 == id } }
    }

    /// A slice of time is over.
    ///
    /// - Returns: who may read again, as many as the next slice has room for.
    mutating func nextSlice() -> [ID] {
        // What was read beyond the last slice is taken from this one.
        leftBytes = min(sliceBytesMax, leftBytes + sliceBytesMax)
        let room = max(0, leftBytes) / readBytesMax
        let released = Array(queue.prefix(room))
        queue.removeFirst(released.count)
        isWaiting.subtract(released)
        return released
    }
}

/// When the next tunnel to a member may be asked for.
struct TunnelTurns {
    private var fullAt: [UInt16: NIODeadline] = [:]
    private static let interval = TimeAmount.nanoseconds(1_000_000_000 / TunnelLimits.opensPerSecond)

    /// - Returns: how long to wait; nil when that would be too long.
    mutating func take(_ member: UInt16, now: NIODeadline) -> TimeAmount? {
        let earliest = now - Self.interval * Int(TunnelLimits.opensAtOnce)
        let next = max(fullAt[member] ?? earliest, earliest)
        let wait = max(.zero, next - now)
        guard wait <= TunnelLimits.turnTimeout else { return nil }
        fullAt[member] = next + Self.interval
        return wait
    }
}
