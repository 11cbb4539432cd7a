import Glibc
import NIOCore
import Synchronization

/// Looks for the next packet of a proxy's only busy client without sleeping, as long as that pays.
///
/// To sleep and to be woken takes longer than a small query itself, and a proxy does it twice for each. How long it looks follows from
/// how long the packets before took to come, as a hypervisor's halt polling does (Linux, `Documentation/virt/kvm/halt-polling.rst`):
/// those that come within ``limit`` lengthen the look, a later one ends it. Other threads that want the processor get it
/// (`sched_yield`), and it ends when another client becomes busy: at the same loop after ``limit`` at most. Confined to its event loop.
struct BusyPoll {
    /// What is looked for: databases and clients take times of their own.
    enum Packet: Int, CaseIterable { case answer, command }

    /// The rounds of all event loops of a proxy: two that look at once would take the processors from those they wait for.
    final class Rounds: Sendable {
        private let count = Atomic<UInt64>(0)

        func next() -> UInt64 { count.wrappingAdd(1, ordering: .relaxed).newValue }
        var latest: UInt64 { count.load(ordering: .relaxed) }
    }

    /// How many rounds in succession one client must have had the proxy for itself.
    static let roundsAlone = 16
    /// Who gives way for longer than this shares its processor with somebody who uses it up, and had better sleep.
    static let yieldMax = TimeAmount.milliseconds(1)
    /// After that nothing is looked for in so many rounds: few at first, more each time, and fewer again as looks succeed.
    static let pauseRounds = 16...1_024
    /// The first look for what begins to come in time.
    static let shortest = TimeAmount.microseconds(10)

    private struct Wait {
        var packet: Packet
        var begun: NIODeadline
    }

    /// Zero: it is never done.
    private let limit: TimeAmount
    private let allRounds: Rounds
    private var latest: UInt64 = 0
    private var client: UInt32?
    private var roundsOfClient = 0
    /// How long each packet is looked for; zero when the last one came too late.
    private var windows: [TimeAmount]
    private var wait: Wait?
    private var pause = 0
    private var nextPause = Self.pauseRounds.lowerBound

    init(limit: TimeAmount, among rounds: Rounds) {
        self.limit = limit
        allRounds = rounds
        windows = [TimeAmount](repeating: min(Self.shortest, limit), count: Packet.allCases.count)
    }

    /// A round was this client's alone, or that of several (nil).
    mutating func roundEnded(of client: UInt32?) {
        guard limit > .zero else { return }
        let number = allRounds.next()
        let isAlone = client != nil && client == self.client && number == latest + 1
        roundsOfClient = isAlone ? roundsOfClient + 1 : 0
        (self.client, latest) = (client, number)
        // What another client's packet took says nothing of this one's.
        if let wait, isAlone { came(wait.packet, after: .now() - wait.begun) }
        wait = nil
    }

    /// Returns when the socket can be read (true), or when it does not pay any longer.
    mutating func look(at socket: NIOBSDSocket.Handle, for packet: Packet) -> Bool {
        guard limit > .zero, roundsOfClient >= Self.roundsAlone else { return false }
        var now = NIODeadline.now()
        wait = Wait(packet: packet, begun: now)
        guard pause == 0 else {
            pause -= 1
            return false
        }
        let deadline = now + window(of: packet)
        var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        while now < deadline, allRounds.latest == latest {
            if poll(&descriptor, 1, 0) != 0 {
                found()
                return true
            }
            sched_yield()
            let before = now
            now = .now()
            if now - before > Self.yieldMax {
                crowdedOut()
                return false
            }
        }
        return false
    }

    mutating func found() { nextPause = max(nextPause - 1, Self.pauseRounds.lowerBound) }

    /// - Returns: the rounds without a look that follow.
    @discardableResult mutating func crowdedOut() -> Int {
        pause = nextPause
        nextPause = min(nextPause * 4, Self.pauseRounds.upperBound)
        return pause
    }

    func window(of packet: Packet) -> TimeAmount { windows[packet.rawValue] }

    /// A packet came so long after its look began.
    mutating func came(_ packet: Packet, after waited: TimeAmount) {
        let window = windows[packet.rawValue]
        if waited > limit {
            windows[packet.rawValue] = .zero
        } else if waited > window {
            windows[packet.rawValue] = min(max(window * 2, Self.shortest), limit)
        }
    }
}
