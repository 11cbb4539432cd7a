import ClusterCore
import Logging
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One connection to a ``BinlogServer``: login, commands, stream.
final class ReplicaConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private enum State {
        case login(ServerLogin)
        case commands(ReplicaCommands)
        case streaming(BinlogReplicaSession)
        case closed
    }
    /// A replica's packets are all short; what announces more is no replica.
    private static let packetBytesMax = 64 * 1024

    private let server: BinlogServer
    private let channel: any Channel
    private let connectionID: UInt32
    private var state: State
    private var packets = PacketDecoder(payloadBytesMax: packetBytesMax)
    private var inbound = ByteBuffer()
    private var loginLimit: Scheduled<Void>?

    init(server: BinlogServer, channel: any Channel, connectionID: UInt32) {
        self.server = server
        self.channel = channel
        self.connectionID = connectionID
        let configuration = server.configuration
        state = .login(
            ServerLogin(
                server.credentials, serverVersion: configuration.serverVersion, connectionID: connectionID))
    }

    func close() { channel.close(promise: nil) }

    func channelActive(context: ChannelHandlerContext) {
        guard case .login(let login) = state else { return }
        var greeting = ByteBuffer()
        login.greeting.write(to: &greeting)
        send([greeting], after: 255)
        loginLimit = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(server.configuration.loginTimeout))
        {
            [self] in
            if case .streaming = state { return }
            close()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        inbound.writeBuffer(&bytes)
        do throws(WireError) {
            while let packet = try packets.next(from: &inbound) { try receive(packet) }
            inbound.discardReadBytes()
        } catch {
            server.configuration.logger.warning("the relay closes connection \(connectionID): \(error)")
            close()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard case .streaming(let session) = state, session.isWritable, !session.isFlushing else { return }
        server.delegate?.binlogServer(server, writable: session)
    }

    func channelInactive(context: ChannelHandlerContext) {
        loginLimit?.cancel()
        server.remove(connectionID)
        let before = state
        state = .closed
        guard case .streaming(let session) = before else { return }
        session.markClosed()
        server.delegate?.binlogServer(server, closed: session)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    private func receive(_ packet: Packet) throws(WireError) {
        switch state {
        case .login(var login):
            let step = try login.receive(packet.payload)
            state = .login(login)
            try continueLogin(step, after: packet.sequence)
        case .commands(var commands):
            let reply = commands.receive(packet.payload, unixTime: time(nil))
            state = .commands(commands)
            answer(reply, after: packet.sequence)
        case .streaming:
            // A replica that was not asked for acknowledgements may say goodbye.
            if packet.payload.getInteger(at: packet.payload.readerIndex, as: UInt8.self) == Command.quit { close() }
        case .closed: break
        }
    }

    private func continueLogin(_ step: ServerLogin.Step, after sequence: UInt8) throws(WireError) {
        switch step {
        case .send(let payload): send([payload], after: sequence)
        case .accepted:
            state = .commands(ReplicaCommands(serverID: server.configuration.serverID))
            sendOK(after: sequence)
        case .refused(let error):
            server.configuration.logger.warning("the relay refuses a login: \(error)")
            sendError(error, after: sequence)
            close()
        }
    }

    private func answer(_ reply: ReplicaCommands.Reply, after sequence: UInt8) {
        switch reply {
        case .ok: sendOK(after: sequence)
        case .rows(let set):
            var payloads: [ByteBuffer] = []
            set.write(allocator: channel.allocator) { payloads.append($0) }
            send(payloads, after: sequence)
        case .error(let error): sendError(error, after: sequence)
        case .kill(let connectionID):
            if server.kill(connectionID) {
                sendOK(after: sequence)
            } else {
                let message = "Unknown thread id: \(connectionID)"
                sendError(ServerError(code: 1094, sqlState: "HY000", message: message), after: sequence)
            }
        case .stream(let request):
            let session = BinlogReplicaSession(
                request, connectionID: connectionID, channel: channel, configuration: server.configuration)
            state = .streaming(session)
            session.begin(formatDescription: server.formatDescription)
            server.delegate?.binlogServer(
                server, opened: session, at: session.position, replicaServerID: session.replicaServerID)
        case .quit: close()
        }
    }

    private func sendOK(after sequence: UInt8) {
        var payload = ByteBuffer()
        ServerReply.writeOK(to: &payload)
        send([payload], after: sequence)
    }

    private func sendError(_ error: ServerError, after sequence: UInt8) {
        var payload = ByteBuffer()
        error.write(to: &payload)
        send([payload], after: sequence)
    }

    private func send(_ payloads: [ByteBuffer], after sequence: UInt8) {
        var packets = channel.allocator.buffer(capacity: 256)
        var sequence = sequence &+ 1
        for payload in payloads { sequence = packets.writePacket(payload, sequence: sequence) }
        channel.writeAndFlush(packets, promise: nil)
    }
}
