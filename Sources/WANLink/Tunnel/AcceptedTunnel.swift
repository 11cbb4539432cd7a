import Channels
import ClusterCore
import NIOCore
import NIOPosix

/// One tunnel on the side of the database: what the member's line brings goes to a connection of its own, and back. Neither side
/// is read while the other is full, or while tunnels have had their share of the loop.
///
/// All state is confined to the loop.
final class AcceptedTunnel {
    let line: PeerConnection
    let peer: NodeNumber?
    private weak var desk: TunnelDesk?
    private var database: (any Channel)?
    private var isOver = false
    /// Why a side is not read: the other is full, or it must wait for its turn.
    private var held: [TunnelEnd.Side: Set<Hold>] = [:]
    private enum Hold { case full, turn }

    init(_ line: PeerConnection, from peer: NodeNumber?, desk: TunnelDesk) {
        self.line = line
        self.peer = peer
        self.desk = desk
    }

    func start(_ address: PeerAddress, on eventLoop: any EventLoop) {
        line.readTunnelPieces()
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TunnelLimits.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.writeBufferWaterMark, value: TunnelLimits.databaseMark)
            // The greeting waits until the member has been told that there is somebody.
            .channelOption(.autoRead, value: false)
        bootstrap.connect(host: address.host, port: address.port).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let channel): connected(channel)
            case .failure(let error):
                guard !isOver else { return }
                desk?.cannotReach(address, "\(error)")
                line.refuse("its database can't be reached: \(error)")
            }
        }
    }

    private func connected(_ channel: any Channel) {
        guard !isOver else { return channel.close(promise: nil) }
        do {
            try channel.pipeline.syncOperations.addHandlers(ReadsBetweenFlushes(), TunnelDatabaseHandler(self))
        } catch { return line.refuse("its database closed the connection at once") }
        database = channel
        channel.readTunnelPieces()
        line.send(.opened, [ByteBuffer(string: channel.localAddress?.ipAddress ?? "")])
        channel.setReading(true)
    }

    // MARK: What flows

    func fromPeer(_ bytes: ByteBuffer) {
        guard let database else { return line.close(reason: "data before the tunnel was open") }
        database.writeAndFlush(bytes, promise: nil)
        if !database.isWritable { hold(.peer, .full) }
        read(.peer, bytes.readableBytes)
    }

    func fromDatabase(_ bytes: ByteBuffer) {
        guard !isOver else { return }
        line.send(.data, [bytes])
        if !line.isWritable { hold(.database, .full) }
        read(.database, bytes.readableBytes)
    }

    private func read(_ side: TunnelEnd.Side, _ bytes: Int) {
        let end = TunnelEnd(line: ObjectIdentifier(line), side: side)
        if desk?.mayGoOn(end, after: bytes) == false { hold(side, .turn) }
    }

    func resume(_ side: TunnelEnd.Side) { release(side, .turn) }
    func lineWritable() { release(.database, .full) }
    func databaseWritable() { if database?.isWritable == true { release(.peer, .full) } }

    private func hold(_ side: TunnelEnd.Side, _ why: Hold) {
        if held[side, default: []].insert(why).inserted { setReading(side, false) }
    }

    private func release(_ side: TunnelEnd.Side, _ why: Hold) {
        guard held[side]?.remove(why) != nil, held[side]?.isEmpty == true else { return }
        setReading(side, true)
    }

    private func setReading(_ side: TunnelEnd.Side, _ reads: Bool) {
        switch side {
        case .peer: line.setReading(reads)
        case .database: database?.setReading(reads)
        }
    }

    // MARK: The end

    /// What the database said last still goes out.
    func databaseEnded() {
        guard !isOver else { return }
        isOver = true
        database = nil
        line.sendLast(.data, ByteBuffer(), reason: "the database closed it")
    }

    func lineClosed() {
        isOver = true
        database?.close(promise: nil)
        database = nil
    }
}

/// The database's side of a tunnel.
private final class TunnelDatabaseHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private weak var tunnel: AcceptedTunnel?

    init(_ tunnel: AcceptedTunnel) { self.tunnel = tunnel }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { tunnel?.fromDatabase(unwrapInboundIn(data)) }
    func channelWritabilityChanged(context: ChannelHandlerContext) { tunnel?.databaseWritable() }
    func channelInactive(context: ChannelHandlerContext) { tunnel?.databaseEnded() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
