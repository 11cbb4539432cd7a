import ClusterCore
import Logging
import NIOCore

/// What a dialler tells the link it works for. On the loop.
protocol DiallerOwner: AnyObject {
    func makeHello(_ dialler: Dialler) -> PeerHello?
    /// nil: without TLS.
    var security: LinkSecurity? { get }
    func objection(to welcome: Welcome, on connection: PeerConnection) -> String?
    func diallerUp(_ dialler: Dialler)
    func dialler(_ dialler: Dialler, received frame: Frame)
    func diallerWritable(_ dialler: Dialler)
    /// The line had been up. Dialling goes on by itself.
    func diallerDown(_ dialler: Dialler, reason: String)
}

/// Keeps one outgoing line, control or bulk, to one peer: dials, and dials again with backoff, until stopped.
///
/// All state is confined to the loop.
final class Dialler: PeerConnectionOwner {
    private enum State {
        case stopped
        case connecting(PeerConnection)
        case up(PeerConnection)
        case waiting(Scheduled<Void>)
    }

    let purpose: ConnectionPurpose
    private let peer: NodeNumber
    private let address: PeerAddress
    private let limits: PeerConnection.Limits
    private let eventLoop: any EventLoop
    private let logger: Logger
    private weak var owner: (any DiallerOwner)?
    private var state = State.stopped
    private var backoff = Backoff()
    private var generator = SystemRandomNumberGenerator()
    private var lastWord = LastWord()
    /// Bytes of the connections that are gone.
    private(set) var pastBytesIn: UInt64 = 0
    private(set) var pastBytesOut: UInt64 = 0
    private(set) var lastFailure: String?

    init(
        _ purpose: ConnectionPurpose, to peer: NodeNumber, at address: PeerAddress, limits: PeerConnection.Limits,
        on eventLoop: any EventLoop, logger: Logger, owner: any DiallerOwner
    ) {
        self.purpose = purpose
        self.peer = peer
        self.address = address
        self.limits = limits
        self.eventLoop = eventLoop
        self.logger = logger
        self.owner = owner
    }

    /// The line when its handshake is done.
    var line: PeerConnection? {
        switch state {
        case .up(let connection): connection
        case .stopped, .connecting, .waiting: nil
        }
    }
    var bytesIn: UInt64 { pastBytesIn + (line?.bytesIn ?? 0) }
    var bytesOut: UInt64 { pastBytesOut + (line?.bytesOut ?? 0) }

    /// Dials now unless a line is up or under way. Also for when there is a sign that the peer is back.
    func dial() {
        switch state {
        case .connecting, .up: return
        case .waiting(let timer): timer.cancel()
        case .stopped: break
        }
        guard let hello = owner?.makeHello(self) else {
            state = .stopped
            return
        }
        let connection = PeerConnection(dialling: hello, limits: limits, owner: self)
        state = .connecting(connection)
        Outbound.connect(
            connection, to: address, on: eventLoop, timeout: limits.timeout,
            protect: owner?.security?.protect(dialled:for:)
        ) { [weak self] reason in
            guard let self, self.current === connection else { return }
            self.failed(reason)
        }
    }

    /// Closes the line and forgets it; the owner is not told.
    func stop() {
        switch state {
        case .stopped: break
        case .connecting(let connection), .up(let connection): connection.abandon()
        case .waiting(let timer): timer.cancel()
        }
        state = .stopped
    }

    private var current: PeerConnection? {
        switch state {
        case .connecting(let connection), .up(let connection): connection
        case .stopped, .waiting: nil
        }
    }

    private func failed(_ reason: String) {
        lastFailure = reason
        if lastWord.isNews(reason, now: .now()) { logger.warning("no \(purpose) line to member \(peer): \(reason)") }
        wait()
    }

    private func wait() {
        let timer = eventLoop.assumeIsolated().scheduleTask(in: backoff.next(using: &generator)) { [weak self] in
            self?.dial() ?? ()
        }
        state = .waiting(timer)
    }

    // MARK: PeerConnectionOwner

    func connection(_ connection: PeerConnection, judge hello: PeerHello) -> Introduction.Verdict {
        .refusal("this side dialled")
    }

    func connection(_ connection: PeerConnection, judge welcome: Welcome) -> String? {
        owner?.objection(to: welcome, on: connection)
    }

    func connectionEstablished(_ connection: PeerConnection) {
        guard connection === current else { return connection.abandon() }
        state = .up(connection)
        lastFailure = nil
        lastWord = LastWord()
        logger.info("\(purpose) line to member \(peer) at \(connection.remoteAddress) is up")
        owner?.diallerUp(self)
    }

    func connection(_ connection: PeerConnection, received frame: Frame) {
        if connection === current { owner?.dialler(self, received: frame) }
    }

    func connectionWritable(_ connection: PeerConnection) {
        if connection === current { owner?.diallerWritable(self) }
    }

    func connectionClosed(_ connection: PeerConnection, reason: String) {
        guard connection === current else { return }
        pastBytesIn += connection.bytesIn
        pastBytesOut += connection.bytesOut
        guard let establishedAt = connection.establishedAt else { return failed(reason) }
        backoff.wasUp(for: .now() - establishedAt)
        lastFailure = reason
        logger.warning("\(purpose) line to member \(peer) at \(connection.remoteAddress) is down: \(reason)")
        wait()
        owner?.diallerDown(self, reason: "\(purpose) line: \(reason)")
    }
}

/// Whether a repeated complaint is worth a line: a new one at most each second, the same one at most each minute.
struct LastWord {
    private var reason: String?
    private var at: NIODeadline?

    mutating func isNews(_ reason: String, now: NIODeadline) -> Bool {
        if let at {
            if now - at < .seconds(1) { return false }
            if reason == self.reason, now - at < .minutes(1) { return false }
        }
        self.reason = reason
        self.at = now
        return true
    }
}
