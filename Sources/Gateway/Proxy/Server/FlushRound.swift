import Channels
import NIOCore

/// Whose channel has something to flush.
protocol FlushOwner: AnyObject {
    func flushNow()
    /// Of the client for whom it is flushed.
    var connectionID: UInt32 { get }
    /// Where the next packet comes, once this one is sent; nil without a socket, and while nothing may be read.
    var source: DirectSocket? { get }
    var awaits: BusyPoll.Packet { get }
}

/// Sends what the connections of one event loop have written in a round of the loop together at its end, when all that had
/// come has been read: writing wakes the reader at the other end, which would take the processor away in the midst of the round.
///
/// When only one client of the proxy is busy, its next packet is then looked for with open eyes for a moment; see ``BusyPoll``.
///
/// Confined to its event loop.
final class FlushRound {
    private let eventLoop: any EventLoop
    private var owners: [any FlushOwner] = []
    /// The array of the round before, empty, for the next one.
    private var spare: [any FlushOwner] = []
    private var busyPoll: BusyPoll
    private var isEnding = false
    /// The event loop, and with it everything else that it has to do, waits so long at most, and for one look more.
    private static let turnMax = TimeAmount.microseconds(500)

    init(on eventLoop: any EventLoop, busyPoll: BusyPoll) {
        self.eventLoop = eventLoop
        self.busyPoll = busyPoll
    }

    /// Each owner once a round.
    func add(_ owner: any FlushOwner) {
        owners.append(owner)
        if owners.count == 1, !isEnding { schedule() }
    }

    private func schedule() {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { bound.value.end() }
    }

    private func end() {
        isEnding = true
        let turnEnds = NIODeadline.now() + Self.turnMax
        repeat {
            guard let only = flush(), let source = only.source, let socket = source.descriptor,
                busyPoll.look(at: socket, for: only.awaits), NIODeadline.now() < turnEnds
            else { break }
            source.receive()
        } while !owners.isEmpty
        isEnding = false
        if !owners.isEmpty { schedule() }
    }

    /// - Returns: the owner that has the round for itself.
    private func flush() -> (any FlushOwner)? {
        // A flush may bring about reads, which may write: that is for another round.
        var round = owners
        owners = spare
        spare = []
        for owner in round { owner.flushNow() }
        let only = round.count == 1 && owners.isEmpty ? round[0] : nil
        busyPoll.roundEnded(of: only?.connectionID)
        round.removeAll(keepingCapacity: true)
        spare = round
        return only
    }
}
