import Glibc
import NIOCore

/// Looks for the next packet of an event loop's only busy client without sleeping, as long as that pays.
///
/// To sleep and to be woken takes longer than a small query itself, and a proxy does it twice for each. Other threads that want the
/// processor get it (`sched_yield`), other clients of the loop wait for ``limit`` at most, and where looking did not help it is
/// tried ever more rarely. Confined to its event loop.
struct BusyPoll {
    /// What is looked for: databases and clients take times of their own.
    enum Packet: Int, CaseIterable { case answer, command }

    /// How many rounds in succession one client must have had the loop for itself.
    static let roundsAlone = 4
    /// Who gives way for longer than this shares its processor with somebody who uses it up, and had better sleep.
    static let yieldMax = TimeAmount.milliseconds(1)
    /// Up to so many times in succession it is not tried.
    static let skipsMax = 1 << failuresMax - 1
    private static let failuresMax = 10

    private struct Luck {
        var failures = 0
        var skips = 0
    }

    /// Zero: it is never done.
    private let limit: TimeAmount
    private var client: UInt32?
    private var rounds = 0
    private var lucks = [Luck](repeating: Luck(), count: Packet.allCases.count)

    init(limit: TimeAmount) { self.limit = limit }

    /// A round was this client's alone, or that of several (nil).
    mutating func roundEnded(of client: UInt32?) {
        rounds = client != nil && client == self.client ? rounds + 1 : 0
        self.client = client
    }

    /// Returns when the socket can be read, or after ``limit``.
    mutating func look(at socket: NIOBSDSocket.Handle, for packet: Packet) {
        guard limit > .zero, rounds >= Self.roundsAlone, mayTry(packet) else { return }
        var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        var now = NIODeadline.now()
        let deadline = now + limit
        repeat {
            if poll(&descriptor, 1, 0) != 0 { return found(packet) }
            sched_yield()
            let before = now
            now = .now()
            if now - before > Self.yieldMax { return crowdedOut(packet) }
        } while now < deadline
        lost(packet)
    }

    mutating func mayTry(_ packet: Packet) -> Bool {
        guard lucks[packet.rawValue].skips > 0 else { return true }
        lucks[packet.rawValue].skips -= 1
        return false
    }

    mutating func found(_ packet: Packet) { lucks[packet.rawValue] = Luck() }

    mutating func crowdedOut(_ packet: Packet) {
        lucks[packet.rawValue] = Luck(failures: Self.failuresMax, skips: Self.skipsMax)
    }

    mutating func lost(_ packet: Packet) {
        let failures = min(lucks[packet.rawValue].failures + 1, Self.failuresMax)
        lucks[packet.rawValue] = Luck(failures: failures, skips: 1 << failures - 1)
    }
}
