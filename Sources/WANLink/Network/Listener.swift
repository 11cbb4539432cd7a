import Channels
import ClusterCore
import Logging
import NIOCore

/// The accepted side: connections that peers and would-be members opened to this node.
///
/// All state is confined to the loop.
final class Listener: PeerConnectionOwner {
    private weak var network: PeerNetwork?
    private let logger: Logger
    private let acceptedMax: Int
    private var accepted: [ObjectIdentifier: PeerConnection] = [:]
    private var controlLines: [NodeNumber: PeerConnection] = [:]
    private var receivers: [NodeNumber: BulkReceiver] = [:]
    private var garbageLimiter: LogLimiter
    private var refusalLimiter: LogLimiter
    private var fullLimiter: LogLimiter
    private var gate = AcceptGate()
    private let tunnels: TunnelDesk

    init(network: PeerNetwork) {
        self.network = network
        self.logger = network.configuration.logger
        self.acceptedMax = network.configuration.acceptedConnectionsMax
        let limiter = LogLimiter(interval: network.configuration.warningInterval)
        (garbageLimiter, refusalLimiter, fullLimiter) = (limiter, limiter, limiter)
        tunnels = TunnelDesk(network.configuration, on: network.eventLoop)
    }

    /// Puts a connection on a newly accepted channel; throws when there are too many already.
    func accept(_ channel: any Channel) throws {
        guard let network, accepted.count - tunnels.count < acceptedMax else {
            fullLimiter.warn(
                logger, "\(acceptedMax) connections are open to the peer listener, a further one is closed")
            throw PeerNetworkError(.refused, "too many connections")
        }
        let connection = PeerConnection(acceptedBy: self, limits: network.configuration.limits)
        try pass(connection, from: channel.remoteAddress?.ipAddress ?? "")
        do {
            try channel.pipeline.syncOperations.addHandler(ReadsBetweenFlushes())
            try network.security?.protect(accepted: channel, for: connection, strangers: network.admitsStrangers)
            try channel.pipeline.syncOperations.addHandler(connection)
        } catch {
            gate.leave(ObjectIdentifier(connection))
            throw error
        }
        accepted[ObjectIdentifier(connection)] = connection
        // Also for a channel that fails before it is ever active.
        channel.closeFuture.assumeIsolated().whenComplete { [weak self] _ in self?.forget(connection) }
    }

    private func pass(_ connection: PeerConnection, from host: String) throws {
        switch gate.arrive(ObjectIdentifier(connection), from: host) {
        case .admit(.none): break
        case .admit(.some(let oldest)): accepted[oldest]?.close(reason: "too many connections that are no member's")
        case .refuse:
            fullLimiter.warn(logger, "\(host) connects too often, a further connection is closed")
            throw PeerNetworkError(.refused, "too many connections")
        }
    }

    func controlLine(from peer: NodeNumber) -> PeerConnection? { controlLines[peer] }
    func receiver(from peer: NodeNumber) -> BulkReceiver? { receivers[peer] }

    /// Lets every peer know what it may send now.
    func tellCredit() { for receiver in receivers.values { receiver.tellCredit() } }

    var connections: [PeerConnection] { Array(accepted.values) }

    /// Closes the lines from a node that no longer is a peer.
    func drop(_ peer: NodeNumber, reason: String) {
        controlLines[peer]?.close(reason: reason)
        receivers.removeValue(forKey: peer)?.abandon(reason: reason)
        tunnels.drop(peer, reason: reason)
    }

    func closeAll(reason: String) { for connection in accepted.values { connection.close(reason: reason) } }

    private func forget(_ connection: PeerConnection) {
        gate.leave(ObjectIdentifier(connection))
        guard accepted.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        guard let peer = connection.hello?.number, let purpose = connection.hello?.purpose else { return }
        network?.addPast(connection, from: peer)
        switch purpose {
        case .control: if controlLines[peer] === connection { controlLines[peer] = nil }
        case .bulk: receivers[peer]?.remove(connection)
        case .tunnel: tunnels.lineClosed(connection)
        case .request: break
        }
    }

    // MARK: PeerConnectionOwner

    func connection(_ connection: PeerConnection, judge hello: PeerHello) -> Introduction.Verdict {
        guard let network else { return .refusal("this node is shutting down") }
        var verdict = Introduction.judge(hello, me: network.identity)
        if connection.secured != nil, let reason = CertificateCheck.objection(to: hello) { verdict = .refusal(reason) }
        if case .welcome = verdict, hello.purpose != .request,
            let reason = network.delegate?.peerNetwork(network, authorize: hello)
        {
            verdict = .refusal(reason)
        }
        if case .welcome = verdict, hello.purpose == .tunnel, let reason = tunnels.objection(to: hello, network) {
            verdict = .refusal(reason)
        }
        if case .refusal(let reason) = verdict {
            let who = "\(hello.id.printable) (member \(hello.number?.description ?? "none")) at \(hello.remoteAddress)"
            refusalLimiter.warn(logger, "refused a \(hello.purpose) line from \(who): \(reason.printable)")
        }
        return verdict
    }

    func connection(_ connection: PeerConnection, judge welcome: Welcome) -> String? { "this side was dialled" }

    func connectionEstablished(_ connection: PeerConnection) {
        guard let network, let hello = connection.hello, let peer = hello.number else { return }
        if hello.purpose != .request { gate.leave(ObjectIdentifier(connection)) }
        switch hello.purpose {
        case .control:
            controlLines[peer]?.close(reason: "replaced by a newer connection from the same member")
            controlLines[peer] = connection
        case .bulk:
            let receiver = receivers[peer] ?? BulkReceiver(from: peer, network: network)
            receivers[peer] = receiver
            receiver.add(connection)
        case .tunnel: return tunnels.open(connection, hello, network)
        case .request: return
        }
        logger.debug("\(hello.purpose) line from member \(peer) at \(hello.remoteAddress) is up")
        network.peerIsBack(peer)
    }

    func connection(_ connection: PeerConnection, received frame: Frame) {
        guard let network, let delegate = network.delegate, let hello = connection.hello else { return }
        switch (hello.purpose, hello.number) {
        case (.control, .some(let peer)): delegate.peerNetwork(network, control: frame.payload, from: peer)
        case (.bulk, .some(let peer)): receivers[peer]?.received(frame.payload, on: connection)
        case (.request, _): answer(frame.payload, on: connection, network: network, delegate: delegate)
        case (.tunnel, .some): tunnels.received(frame.payload, on: connection)
        case (.control, .none), (.bulk, .none), (.tunnel, .none): connection.close(reason: "no member number")
        }
    }

    private func answer(
        _ request: ByteBuffer, on connection: PeerConnection, network: PeerNetwork, delegate: any PeerNetworkDelegate
    ) {
        let bytesMax = network.configuration.controlFrameBytesMax
        guard let hello = connection.hello else { return }
        delegate.peerNetwork(network, request: request, from: hello)
            .hop(to: network.eventLoop).assumeIsolated().whenComplete { result in
                switch result {
                case .success(let response) where response.readableBytes <= bytesMax:
                    connection.sendLast(.response, response, reason: "answered")
                case .success(let response):
                    connection.refuse("the answer of \(response.readableBytes) bytes is longer than \(bytesMax)")
                case .failure(let error): connection.refuse("\(error)")
                }
            }
    }

    func connectionWritable(_ connection: PeerConnection) { tunnels.lineWritable(connection) }

    func connectionClosed(_ connection: PeerConnection, reason: String) {
        guard let hello = connection.hello else {
            garbageLimiter.warn(logger, "closed a connection from \(connection.remoteAddress): \(reason)")
            return
        }
        guard hello.purpose != .request, hello.purpose != .tunnel, connection.establishedAt != nil,
            let peer = hello.number
        else { return }
        logger.info("\(hello.purpose) line from member \(peer) at \(connection.remoteAddress) is down: \(reason)")
    }
}
