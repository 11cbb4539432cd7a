/// Puts the frames of a session, which come over several streams, back into their order.
///
/// How much waits here is bounded by the receiver's credit: frames are checked against it before they come here.
struct Reassembly: Sendable {
    private(set) var next: UInt64 = 0
    private var waiting: [UInt64: BulkFrame] = [:]
    /// The costs of the frames that wait for an earlier one.
    private(set) var waitingBytes = 0
    /// More frames than this out of order, and the sender is not one of ours.
    static let waitingFramesMax = 65_536

    /// - Returns: The frames that are in order now.
    mutating func insert(_ frame: BulkFrame) throws(BulkError) -> [BulkFrame] {
        guard frame.sequence >= next, waiting[frame.sequence] == nil,
            frame.sequence - next <= UInt64(Reassembly.waitingFramesMax)
        else { throw .outOfOrder(sequence: frame.sequence, expected: next) }
        guard frame.sequence == next else {
            waiting[frame.sequence] = frame
            waitingBytes += frame.cost
            return []
        }
        var ready = [frame]
        next += 1
        while let following = waiting.removeValue(forKey: next) {
            waitingBytes -= following.cost
            ready.append(following)
            next += 1
        }
        return ready
    }
}
