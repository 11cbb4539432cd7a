import ClusterCore
import Logging
import NIOCore

/// The lines to one peer: one control and one bulk connection that this node dials.
///
/// All state is confined to the loop.
final class PeerLink: DiallerOwner {
    let peer: NodeNumber
    let address: String
    private(set) var droppedControlFrames: UInt64 = 0
    /// Since when both lines are up.
    private(set) var connectedSince: NIODeadline?
    /// Bytes of accepted connections from this peer that are gone.
    var pastIncoming: (bytesIn: UInt64, bytesOut: UInt64) = (0, 0)

    private weak var network: PeerNetwork?
    private var diallers: [Dialler] = []
    private var control: Dialler? { diallers.first { $0.purpose == .control } }
    private var bulk: Dialler? { diallers.first { $0.purpose == .bulk } }

    init(to peer: NodeNumber, at address: String, network: PeerNetwork) {
        self.peer = peer
        self.address = address
        self.network = network
        guard let address = PeerAddress(address) else {
            network.configuration.logger.error(
                "member \(peer) has the address \(address.printable), which is not host:port")
            return
        }
        diallers = [ConnectionPurpose.control, .bulk].map {
            Dialler(
                $0, to: peer, at: address, limits: network.configuration.limits, on: network.eventLoop,
                logger: network.configuration.logger, owner: self)
        }
    }

    var controlLine: PeerConnection? { control?.line }
    var bulkLine: PeerConnection? { bulk?.line }
    var lines: [PeerConnection] { diallers.compactMap(\.line) }
    var bytesIn: UInt64 { diallers.reduce(pastIncoming.bytesIn) { $0 + $1.bytesIn } }
    var bytesOut: UInt64 { diallers.reduce(pastIncoming.bytesOut) { $0 + $1.bytesOut } }
    var lastFailure: String? { diallers.lazy.compactMap(\.lastFailure).first }

    func dial() { for dialler in diallers { dialler.dial() } }

    /// - Returns: whether the link had been connected.
    func stop() -> Bool {
        for dialler in diallers { dialler.stop() }
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

    func makeHello(_ purpose: ConnectionPurpose) -> PeerHello? {
        guard let me = network?.identity else { return nil }
        return PeerHello(purpose: purpose, clusterID: me.clusterID, number: me.number, id: me.id, to: peer)
    }

    func diallerUp(_ dialler: Dialler) {
        guard controlLine != nil, bulkLine != nil, connectedSince == nil, let network else { return }
        connectedSince = .now()
        network.delegate?.peerNetwork(network, connected: peer)
        // The delegate may have ended the link in that call.
        if connectedSince != nil { network.delegate?.peerNetwork(network, bulkWritable: peer) }
    }

    func diallerWritable(_ dialler: Dialler) {
        guard dialler.purpose == .bulk, connectedSince != nil, let network else { return }
        network.delegate?.peerNetwork(network, bulkWritable: peer)
    }

    func diallerDown(_ dialler: Dialler, reason: String) {
        guard connectedSince != nil, let network else { return }
        connectedSince = nil
        network.delegate?.peerNetwork(network, disconnected: peer, reason: reason)
    }
}
