import ClusterCore
import Logging
import NIOCore

/// The lines to one peer that this node dials: one for control, and the streams of a bulk session.
///
/// When one stream breaks the session ends: the others are dialled anew with it, and the owner sends again what the peer
/// does not have.
///
/// All state is confined to the loop.
final class PeerLink: DiallerOwner, BulkSenderOwner {
    let peer: NodeNumber
    let address: String
    private(set) var droppedControlFrames: UInt64 = 0
    /// Since when control and bulk can be used.
    private(set) var connectedSince: NIODeadline?
    /// How often it was connected.
    private(set) var connections = 0
    /// Bytes of accepted connections from this peer that are gone.
    var pastIncoming: (bytesIn: UInt64, bytesOut: UInt64) = (0, 0)

    private weak var network: PeerNetwork?
    private var control: Dialler?
    private var streams: [Dialler] = []
    private var session = UInt64.random(in: .min ... .max)
    private var isBulkReady = false
    private(set) var bulk: BulkSender?

    init(to peer: NodeNumber, at address: String, network: PeerNetwork) {
        self.peer = peer
        self.address = address
        self.network = network
        guard let address = PeerAddress(address) else {
            network.configuration.logger.error(
                "member \(peer) has the address \(address.printable), which is not host:port")
            return
        }
        let configuration = network.configuration
        func dialler(_ purpose: ConnectionPurpose) -> Dialler {
            Dialler(
                purpose, to: peer, at: address, limits: configuration.limits, on: network.eventLoop,
                logger: configuration.logger, owner: self)
        }
        control = dialler(.control)
        streams = (0..<min(max(configuration.streams, 1), BulkStream.countMax)).map { _ in dialler(.bulk) }
        bulk = BulkSender(configuration.bulkSettings, on: network.eventLoop, owner: self)
    }

    private var diallers: [Dialler] { (control.map { [$0] } ?? []) + streams }
    var controlLine: PeerConnection? { control?.line }
    /// The streams that are up.
    var bulkLines: [PeerConnection] { streams.compactMap(\.line) }
    var isBulkUp: Bool { isBulkReady }
    var lines: [PeerConnection] { diallers.compactMap(\.line) }
    var bytesIn: UInt64 { diallers.reduce(pastIncoming.bytesIn) { $0 + $1.bytesIn } }
    var bytesOut: UInt64 { diallers.reduce(pastIncoming.bytesOut) { $0 + $1.bytesOut } }
    var lastFailure: String? { diallers.lazy.compactMap(\.lastFailure).first }

    func dial() { for dialler in diallers { dialler.dial() } }

    /// - Returns: whether the link had been connected.
    func stop() -> Bool {
        for dialler in diallers { dialler.stop() }
        bulk?.close()
        isBulkReady = false
        defer { connectedSince = nil }
        return connectedSince != nil
    }

    func sendControl(_ payload: ByteBuffer) {
        guard let line = controlLine else { return }
        guard line.capacity > 0 else {
            droppedControlFrames += 1
            return
        }
        line.send(.control, [payload])
    }

    // MARK: DiallerOwner

    var security: LinkSecurity? { network?.security }

    func objection(to welcome: Welcome, on connection: PeerConnection) -> String? {
        guard let secured = connection.secured, let network else { return nil }
        return CertificateCheck.objection(
            to: welcome, certificate: secured.peer, wanted: network.delegate?.peerNetwork(network, idOf: peer))
    }

    func makeHello(_ dialler: Dialler) -> PeerHello? {
        guard let me = network?.identity else { return nil }
        let stream = streams.firstIndex { $0 === dialler }.map {
            BulkStream(session: session, index: UInt8($0), count: UInt8(streams.count))
        }
        return PeerHello(
            purpose: dialler.purpose, clusterID: me.clusterID, number: me.number, id: me.id, to: peer, stream: stream)
    }

    func diallerUp(_ dialler: Dialler) {
        guard dialler.purpose == .bulk else { return connectIfUp() }
        guard dialler.line?.welcome?.features.contains(.bulkSessions) == true else {
            dialler.line?.close(reason: "the peer's release is too old for this node's bulk lines; upgrade it")
            return
        }
        let lines = bulkLines
        if lines.count == streams.count { bulk?.open(lines) }
    }

    func dialler(_ dialler: Dialler, received frame: Frame) {
        if frame.type == .credit { bulk?.received(credit: frame.payload) }
    }

    func diallerWritable(_ dialler: Dialler) { if dialler.purpose == .bulk { bulk?.advance() } }

    func diallerDown(_ dialler: Dialler, reason: String) {
        if dialler.purpose == .bulk { beginNewSession(after: dialler) }
        guard connectedSince != nil, let network else { return }
        connectedSince = nil
        network.delegate?.peerNetwork(network, disconnected: peer, reason: reason)
    }

    /// `broken` dials again by itself, after its backoff.
    private func beginNewSession(after broken: Dialler?) {
        session = UInt64.random(in: .min ... .max)
        isBulkReady = false
        bulk?.close()
        for stream in streams where stream !== broken {
            stream.stop()
            stream.dial()
        }
    }

    private func connectIfUp() {
        guard controlLine != nil, isBulkReady, connectedSince == nil, let network else { return }
        connectedSince = .now()
        connections += 1
        network.delegate?.peerNetwork(network, connected: peer)
        // The delegate may have ended the link in that call.
        if connectedSince != nil { network.delegate?.peerNetwork(network, bulkWritable: peer) }
    }

    // MARK: BulkSenderOwner

    var roundTripMin: TimeAmount? { controlLine?.roundTrip?.shortest }

    func bulkReady() {
        isBulkReady = true
        connectIfUp()
    }

    func bulkWritable() {
        guard connectedSince != nil, let network else { return }
        network.delegate?.peerNetwork(network, bulkWritable: peer)
    }

    func bulkFailed(_ reason: String) {
        network?.configuration.logger.warning("the bulk session to member \(peer) begins anew: \(reason)")
        streams.first?.line?.close(reason: reason)
    }
}
