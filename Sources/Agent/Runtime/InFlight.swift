import ClusterCore
import DequeModule

/// The bytes that were sent to one peer and that its disk has not confirmed.
struct InFlight {
    private var messages: Deque<(last: LSN, bytes: Int)> = []
    private(set) var bytes = 0
    static let bytesMax = 8 << 20

    var hasRoom: Bool { bytes < Self.bytesMax }

    mutating func add(_ last: LSN, _ bytes: Int) {
        messages.append((last, bytes))
        self.bytes += bytes
    }

    /// - Parameters:
    ///   - durable: What the peer has on disk.
    ///   - next: The last LSN before what is sent next; when it was set back, what was sent beyond is lost.
    mutating func settle(durable: LSN, next: LSN) {
        while let first = messages.first, first.last <= durable {
            messages.removeFirst()
            bytes -= first.bytes
        }
        while let last = messages.last, last.last > next {
            messages.removeLast()
            bytes -= last.bytes
        }
    }
}
