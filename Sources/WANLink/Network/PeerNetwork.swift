import ClusterCore
import Logging
import NIOCore
import NIOPosix

/// This node's lines to the other members. It carries opaque payloads, on a control connection and a bulk session a peer
/// and direction: messages go out on the connections that this node dialled and come in on those it accepted.
///
/// Bound to one event loop: all methods but ``start(_:identity:on:delegate:)`` and ``close()`` must be called on it,
/// and the delegate is called on it. `@unchecked Sendable` because all mutable state is confined to that loop.
public final class PeerNetwork: @unchecked Sendable {
    public let eventLoop: any EventLoop
    public let configuration: Configuration
    /// The port really bound; differs from the configured one when that is 0.
    public private(set) var localPort = 0

    public private(set) var identity: PeerIdentity?
    private(set) var delegate: (any PeerNetworkDelegate)?
    private var server: (any Channel)?
    private var links: [NodeNumber: PeerLink] = [:]
    private var requests: [ObjectIdentifier: OutgoingRequest] = [:]
    private var isClosed = false
    /// See ``setBulk(heldBytes:obstacle:)``.
    private(set) var bulkHeldBytes = 0
    private(set) var bulkObstacle: String?
    /// nil: without TLS.
    var security: LinkSecurity?
    public var isSecured: Bool { configuration.security != nil }
    var admitsStrangers = false
    var tunnelTurns = TunnelTurns()
    private lazy var listener = Listener(network: self)

    private init(
        _ configuration: Configuration, identity: PeerIdentity?, on eventLoop: any EventLoop,
        delegate: any PeerNetworkDelegate
    ) {
        self.configuration = configuration
        security = configuration.security
        self.identity = identity
        self.eventLoop = eventLoop
        self.delegate = delegate
    }

    /// Binds the listener. May be called from any thread.
    ///
    /// - Parameter identity: nil as long as the node belongs to no cluster; then only requests are answered and
    ///   nothing is dialled.
    /// - Returns: the network, or a ``PeerNetworkError`` of code `cannotBind`.
    public static func start(
        _ configuration: Configuration, identity: PeerIdentity?, on eventLoop: any EventLoop,
        delegate: any PeerNetworkDelegate
    ) -> EventLoopFuture<PeerNetwork> {
        let network = PeerNetwork(configuration, identity: identity, on: eventLoop, delegate: delegate)
        return eventLoop.flatSubmit { network.listen() }
    }

    private func listen() -> EventLoopFuture<PeerNetwork> {
        let address = PeerAddress(host: configuration.bindHost, port: configuration.bindPort)
        let bound = ServerBootstrap(group: eventLoop, childGroup: eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 256)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: SocketTuning.readBuffers)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.listener.accept(channel) }
            }
            .bind(host: address.host, port: address.port)
        return bound.map { channel in
            self.server = channel
            self.localPort = channel.localAddress?.port ?? address.port
            return self
        }
        .flatMapErrorThrowing { throw PeerNetworkError.cannotBind(address, $0) }
    }

    // MARK: Membership

    /// Tells the peers' side who this node is, once it has joined. A changed identity drops every line and dials anew.
    public func setIdentity(_ identity: PeerIdentity) {
        eventLoop.assertInEventLoop()
        guard identity != self.identity else { return }
        let isFirst = self.identity == nil
        self.identity = identity
        if !isFirst { redialAll(reason: "this node changed its identity") }
        for link in links.values { link.dial() }
    }

    /// Starts and stops dialling so that exactly `peers` are dialled: number to `host:port`. This node itself is left
    /// out. Lines to and from a node that was a peer and no longer is are closed; a new address is dialled in the place
    /// of the old one.
    public func setPeers(_ peers: [NodeNumber: String]) {
        eventLoop.assertInEventLoop()
        guard !isClosed else { return }
        let wanted = peers.filter { $0.key != identity?.number }
        for (peer, link) in links where wanted[peer] != link.address {
            end(link, reason: wanted[peer] == nil ? "no longer a peer" : "its address changed")
            if wanted[peer] == nil { listener.drop(peer, reason: "no longer a peer") }
        }
        for (peer, address) in wanted where links[peer] == nil {
            let link = PeerLink(to: peer, at: address, network: self)
            links[peer] = link
            link.dial()
        }
    }

    private func end(_ link: PeerLink, reason: String) {
        links[link.peer] = nil
        if link.stop() { delegate?.peerNetwork(self, disconnected: link.peer, reason: reason) }
    }

    private func redialAll(reason: String) {
        listener.closeAll(reason: reason)
        let addresses = links.mapValues(\.address)
        for link in links.values { end(link, reason: reason) }
        setPeers(addresses)
    }

    // MARK: Sending

    /// Sends at once; dropped when there is no line or its queue is full.
    ///
    /// - Precondition: `payload` is at most ``Configuration/controlFrameBytesMax`` long.
    public func sendControl(_ payload: ByteBuffer, to peer: NodeNumber) {
        eventLoop.assertInEventLoop()
        precondition(payload.readableBytes <= configuration.controlFrameBytesMax, "control frame too long")
        links[peer]?.sendControl(payload)
    }

    /// Sends `parts` as one bulk payload.
    ///
    /// - Returns: false, and nothing is sent, when ``bulkCapacity(to:)`` is 0. A payload longer than the capacity is
    ///   taken: the queue overshoots its bound by one payload at most.
    /// - Precondition: the parts together are at most ``Configuration/bulkFrameBytesMax`` long.
    public func sendBulk(_ parts: [ByteBuffer], to peer: NodeNumber) -> Bool {
        eventLoop.assertInEventLoop()
        let length = parts.reduce(0) { $0 + $1.readableBytes }
        precondition(length <= configuration.bulkFrameBytesMax, "bulk frame of \(length) bytes is too long")
        return links[peer]?.bulk?.send(parts, bytes: length) ?? false
    }

    public func sendBulk(_ payload: ByteBuffer, to peer: NodeNumber) -> Bool { sendBulk([payload], to: peer) }

    /// How many bytes may be handed over now; 0 when there is no bulk session, its queue is full, or the peer's credit is
    /// used up. The delegate's `bulkWritable` tells when there is room again.
    public func bulkCapacity(to peer: NodeNumber) -> Int {
        eventLoop.assertInEventLoop()
        return links[peer]?.bulk?.capacity ?? 0
    }

    /// What this node holds of the bulk it was given, for example until its disk has it: that much less is let in.
    ///
    /// - Parameter obstacle: Why nothing more can be taken at all; the senders are told.
    public func setBulk(heldBytes: Int, obstacle: String? = nil) {
        eventLoop.assertInEventLoop()
        guard heldBytes != bulkHeldBytes || obstacle != bulkObstacle else { return }
        bulkHeldBytes = heldBytes
        bulkObstacle = obstacle
        listener.tellCredit()
    }

    /// nil for a node that is not a peer.
    public func linkState(of peer: NodeNumber) -> LinkState? {
        eventLoop.assertInEventLoop()
        guard let link = links[peer] else { return nil }
        return LinkState(
            link, incomingControl: listener.controlLine(from: peer), incomingBulk: listener.receiver(from: peer))
    }

    // MARK: Requests

    /// Asks the node at `address` (`host:port`), on a connection of its own. Works before this node has an identity.
    ///
    /// - Returns: the answer, or a ``PeerNetworkError``; code `refused` carries the other side's reason.
    public func request(_ payload: ByteBuffer, address: String, timeout: Duration) -> EventLoopFuture<ByteBuffer> {
        eventLoop.assertInEventLoop()
        let failure: PeerNetworkError
        if isClosed {
            failure = PeerNetworkError(.closed, "this node is shutting down")
        } else if payload.readableBytes > configuration.controlFrameBytesMax {
            failure = PeerNetworkError(.tooLarge, "a request of \(payload.readableBytes) bytes is too long")
        } else if let peer = PeerAddress(address), peer.port != 0 {
            return request(payload, to: peer, timeout: TimeAmount(timeout))
        } else {
            failure = PeerNetworkError(
                .badAddress, "\(address.printable) is not host:port", remedy: "for example db1:7654")
        }
        return eventLoop.makeFailedFuture(failure)
    }

    private func request(_ payload: ByteBuffer, to peer: PeerAddress, timeout: TimeAmount) -> EventLoopFuture<
        ByteBuffer
    > {
        let promise = eventLoop.makePromise(of: ByteBuffer.self)
        let request = OutgoingRequest(payload, to: peer, promise: promise)
        let id = ObjectIdentifier(request)
        requests[id] = request
        let hello = PeerHello(
            purpose: .request, clusterID: identity?.clusterID ?? "", number: identity?.number, id: identity?.id ?? "",
            to: nil)
        request.start(
            hello, limits: configuration.limits, timeout: timeout, on: eventLoop,
            protect: security?.protect(dialled:for:))
        promise.futureResult.assumeIsolated().whenComplete { [weak self] _ in self?.requests[id] = nil }
        return promise.futureResult
    }

    // MARK: The end

    /// Closes the listener and every line. May be called from any thread, and more than once.
    public func close() -> EventLoopFuture<Void> {
        eventLoop.flatSubmit { self.closeOnLoop() }
    }

    private func closeOnLoop() -> EventLoopFuture<Void> {
        isClosed = true
        for link in links.values { _ = link.stop() }
        links = [:]
        for request in requests.values { request.cancel() }
        listener.closeAll(reason: "this node is shutting down")
        delegate = nil
        guard let server else { return eventLoop.makeSucceededVoidFuture() }
        server.close(promise: nil)
        return server.closeFuture
    }

    /// Every connection with TLS that is there now.
    var secureConnections: [PeerConnection] {
        (listener.connections + links.values.flatMap(\.lines)).filter { $0.secured != nil }
    }

    var acceptedCount: Int { listener.connections.count }

    /// Where a peer is dialled; nil when it is none, or its address makes no sense.
    func peerAddress(of peer: NodeNumber) -> PeerAddress? { links[peer].flatMap { PeerAddress($0.address) } }

    // MARK: For the listener

    /// A peer connected: dial it now if the dialler is waiting for its next try.
    func peerIsBack(_ peer: NodeNumber) { links[peer]?.dial() }

    /// Keeps the counters of an accepted connection that is gone.
    func addPast(_ connection: PeerConnection, from peer: NodeNumber) {
        links[peer]?.pastIncoming.bytesIn += connection.bytesIn
        links[peer]?.pastIncoming.bytesOut += connection.bytesOut
    }
}
