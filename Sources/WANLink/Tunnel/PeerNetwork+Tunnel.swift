import ClusterCore
import NIOCore

/// What a tunnel to a member needs to know; made on the network's loop, used on any.
struct TunnelRoute: Sendable {
    var address: PeerAddress
    var hello: PeerHello
    var limits: PeerConnection.Limits
    var security: LinkSecurity?
    /// The `node.id` that must answer, if it is known.
    var wantedID: String?
}

extension PeerNetwork {
    /// Connects to a member's database through that member's agent, on a connection to its peer port. May be called from any
    /// thread; the channel belongs to `eventLoop`.
    ///
    /// - Parameters:
    ///   - initializer: adds the handlers that talk to the database, before anything is read.
    ///   - opened: called on `eventLoop`, before the database's first bytes, with the address that the database sees.
    /// - Returns: the channel, or a ``PeerNetworkError``.
    public func openTunnel(
        to peer: NodeNumber, on eventLoop: any EventLoop,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>,
        opened: @escaping @Sendable (_ channel: any Channel, _ address: String) -> Void
    ) -> EventLoopFuture<any Channel> {
        self.eventLoop.flatSubmit { self.tunnelRoute(to: peer) }.hop(to: eventLoop).flatMap { route in
            let promise = eventLoop.makePromise(of: (any Channel).self)
            DialledTunnel(route, promise: promise, opened: opened).start(on: eventLoop, initializer: initializer)
            return promise.futureResult
        }
    }

    private func tunnelRoute(to peer: NodeNumber) -> EventLoopFuture<TunnelRoute> {
        func fail(_ reason: String) -> EventLoopFuture<TunnelRoute> {
            eventLoop.makeFailedFuture(PeerNetworkError(.cannotConnect, reason))
        }
        guard let me = identity, let address = peerAddress(of: peer) else {
            return fail("member \(peer) is not known here")
        }
        guard let wait = tunnelTurns.take(peer.rawValue, now: .now()) else {
            return fail("too many tunnels to member \(peer) are being opened")
        }
        let route = TunnelRoute(
            address: address,
            hello: PeerHello(purpose: .tunnel, clusterID: me.clusterID, number: me.number, id: me.id, to: peer),
            limits: configuration.limits, security: security,
            wantedID: delegate?.peerNetwork(self, idOf: peer))
        guard wait > .zero else { return eventLoop.makeSucceededFuture(route) }
        return eventLoop.scheduleTask(in: wait) { route }.futureResult
    }
}
