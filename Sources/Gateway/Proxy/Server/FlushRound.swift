import NIOCore

/// Whose channel has something to flush.
protocol FlushOwner: AnyObject {
    func flushNow()
}

/// Sends what the connections of one event loop have written in a round of the loop together at its end, when all that had
/// come has been read: writing wakes the reader at the other end, which would take the processor away in the midst of the round.
///
/// Confined to its event loop.
final class FlushRound {
    private let eventLoop: any EventLoop
    private var owners: [any FlushOwner] = []

    init(on eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Each owner once a round.
    func add(_ owner: any FlushOwner) {
        owners.append(owner)
        guard owners.count == 1 else { return }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { bound.value.end() }
    }

    private func end() {
        // A flush may bring about reads, which may write.
        let round = owners
        owners.removeAll(keepingCapacity: true)
        for owner in round { owner.flushNow() }
    }
}
