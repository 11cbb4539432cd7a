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
    /// The array of the round before, empty, for the next one.
    private var spare: [any FlushOwner] = []

    init(on eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Each owner once a round.
    func add(_ owner: any FlushOwner) {
        owners.append(owner)
        guard owners.count == 1 else { return }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { bound.value.end() }
    }

    private func end() {
        // A flush may bring about reads, which may write: that is for another round.
        var round = owners
        owners = spare
        spare = []
        for owner in round { owner.flushNow() }
        round.removeAll(keepingCapacity: true)
        spare = round
    }
}
