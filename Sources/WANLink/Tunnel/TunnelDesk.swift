import Channels
import ClusterCore
import Logging
import NIOCore
import NIOPosix

/// The accepted tunnels: each a member's line, and a connection to this node's database for it.
///
/// All state is confined to the loop.
final class TunnelDesk {
    private let tunnelsMax: Int
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var tunnels: [ObjectIdentifier: AcceptedTunnel] = [:]
    private var limiter: LogLimiter
    private var pacing = TunnelPacing<TunnelEnd>(
        sliceBytesMax: TunnelLimits.sliceBytesMax, readBytesMax: TunnelLimits.readBytesMax)
    private var isSliceRunning = false

    init(_ configuration: PeerNetwork.Configuration, on eventLoop: any EventLoop) {
        tunnelsMax = configuration.tunnelsMax
        logger = configuration.logger
        limiter = LogLimiter(interval: configuration.warningInterval)
        self.eventLoop = eventLoop
    }

    var count: Int { tunnels.count }

    func objection(to hello: PeerHello, _ network: PeerNetwork) -> String? {
        guard tunnels.count < tunnelsMax else { return "\(tunnelsMax) tunnels to this node's database are open" }
        switch network.delegate?.peerNetwork(network, databaseFor: hello) {
        case .database: return nil
        case .refused(let reason): return reason
        case .none: return "this node is shutting down"
        }
    }

    func open(_ line: PeerConnection, _ hello: PeerHello, _ network: PeerNetwork) {
        guard case .database(let address)? = network.delegate?.peerNetwork(network, databaseFor: hello) else {
            return line.refuse("this node's database is not to be had any more")
        }
        let tunnel = AcceptedTunnel(line, from: hello.number, desk: self)
        tunnels[ObjectIdentifier(line)] = tunnel
        tunnel.start(address, on: eventLoop)
    }

    func received(_ bytes: ByteBuffer, on line: PeerConnection) { tunnels[ObjectIdentifier(line)]?.fromPeer(bytes) }
    func lineWritable(_ line: PeerConnection) { tunnels[ObjectIdentifier(line)]?.lineWritable() }
    func lineClosed(_ line: PeerConnection) {
        guard let tunnel = tunnels.removeValue(forKey: ObjectIdentifier(line)) else { return }
        for side in TunnelEnd.Side.allCases { pacing.forget(TunnelEnd(line: ObjectIdentifier(line), side: side)) }
        tunnel.lineClosed()
    }

    /// Closes what a node that is no member any more has open.
    func drop(_ peer: NodeNumber, reason: String) {
        for tunnel in tunnels.values where tunnel.peer == peer { tunnel.line.close(reason: reason) }
    }

    func cannotReach(_ address: PeerAddress, _ reason: String) {
        limiter.warn(logger, "a tunnel can't reach the database at \(address): \(reason)")
    }

    // MARK: Pacing

    /// - Returns: whether that side of the tunnel may be read on; otherwise its ``AcceptedTunnel/resume(_:)`` comes.
    func mayGoOn(_ end: TunnelEnd, after bytes: Int) -> Bool {
        let mayGoOn = pacing.mayGoOn(end, after: bytes)
        runSlices()
        return mayGoOn
    }

    private func runSlices() {
        guard !isSliceRunning, !pacing.isIdle else { return }
        isSliceRunning = true
        eventLoop.assumeIsolated().scheduleTask(in: TunnelLimits.slice) { [weak self] in
            guard let self else { return }
            self.isSliceRunning = false
            for end in self.pacing.nextSlice() { self.tunnels[end.line]?.resume(end.side) }
            self.runSlices()
        }
    }
}

/// One side of one tunnel.
struct TunnelEnd: Hashable {
    enum Side: CaseIterable { case peer, database }
    var line: ObjectIdentifier
    var side: Side
}
