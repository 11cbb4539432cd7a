import NIOCore

/// What the receiver of bulk lets the sender send, as a total since the session began: losing or doubling one message
/// does no harm, and credit that was given is never taken back.
///
/// Layout of a ``FrameType/credit`` frame, network order: limit u64, why no more is given for now as length u16 and
/// UTF-8 (empty: nothing stands in the way).
struct CreditMessage: Equatable, Sendable {
    var limit: UInt64
    var obstacle = ""

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(limit)
        buffer.writeShortString(obstacle)
    }

    init(limit: UInt64, obstacle: String = "") {
        self.limit = limit
        self.obstacle = obstacle
    }

    init(from buffer: inout ByteBuffer) throws(BulkError) {
        guard let limit = buffer.readInteger(as: UInt64.self), let obstacle = buffer.readShortString() else {
            throw .malformed("credit")
        }
        self.limit = limit
        self.obstacle = obstacle.printable
    }
}

/// The sender's side: what it may still send.
struct CreditAccount: Equatable, Sendable {
    private(set) var spent: UInt64 = 0
    private(set) var limit: UInt64 = 0
    private(set) var obstacle = ""

    /// A frame may overdraw by itself, so that one larger than the window passes; the next waits.
    var hasRoom: Bool { spent < limit }
    var bytesLeft: Int { limit > spent ? Int(clamping: limit - spent) : 0 }

    mutating func spend(_ cost: Int) { spent += UInt64(cost) }

    mutating func receive(_ message: CreditMessage) {
        limit = max(limit, message.limit)
        obstacle = message.obstacle
    }
}

/// The receiver's side: what it has given and what it can give.
///
/// Bytes are under way until they are `taken`: handed to their owner in order. What the owner still holds (`held`), for
/// example until its disk has it, counts against the window as well.
struct CreditGrant: Equatable, Sendable {
    let windowBytes: Int
    private(set) var limit: UInt64 = 0
    private(set) var received: UInt64 = 0
    private(set) var taken: UInt64 = 0
    private(set) var toldObstacle = ""

    init(windowBytes: Int) { self.windowBytes = windowBytes }

    /// - Throws: ``BulkError/overdrawn(cost:limit:)`` for a frame that was sent when no credit was left.
    mutating func receive(cost: Int) throws(BulkError) {
        guard received < limit else { throw .overdrawn(cost: received + UInt64(cost), limit: limit) }
        received += UInt64(cost)
    }

    mutating func take(cost: Int) { taken += UInt64(cost) }

    /// What was received and not taken.
    var waitingBytes: Int { Int(clamping: received - min(taken, received)) }

    /// What to tell the sender now; nil when there is nothing worth it.
    ///
    /// - Parameters:
    ///   - heldBytes: What the owner holds of what it took.
    ///   - obstacle: Why nothing more can be taken for now.
    ///   - isFirst: The session begins: the sender waits for a word whatever it says.
    mutating func next(heldBytes: Int, obstacle: String?, isFirst: Bool = false) -> CreditMessage? {
        let free = max(0, windowBytes - heldBytes)
        let possible = obstacle == nil ? max(limit, taken + UInt64(free)) : limit
        let obstacle = obstacle ?? ""
        guard isFirst || obstacle != toldObstacle || possible - limit >= UInt64(max(1, windowBytes / 8)) else {
            return nil
        }
        limit = possible
        toldObstacle = obstacle
        return CreditMessage(limit: limit, obstacle: obstacle)
    }
}
