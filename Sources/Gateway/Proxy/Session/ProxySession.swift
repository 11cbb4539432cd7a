import Channels
import ClusterCore
import Logging
import MariaDBWire
import NIOCore

/// One client: its login, its commands one after the other, and its connections to the leader's database and to the replica.
///
/// A command goes through ``begin(_:)`` (what is it), ``advance()`` (what is missing before it can be sent, called again after every
/// change) and the answer's way back in ``backend(_:received:)``. Confined to its event loop.
final class ProxySession: ChannelInboundHandler, @unchecked Sendable {  // all state is confined to the loop
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase: Equatable {
        /// Greeted; the client's answer is awaited.
        case greeted
        /// Asked for another method; its reply is awaited.
        case switching
        /// The account is being read, or a database logged in to.
        case checking
        /// A database has asked something that only the client can answer.
        case relaying
        case ready
        case closed
    }

    let worker: ProxyWorker
    let connectionID: UInt32
    let salt = NativePassword.makeSalt()
    var phase = Phase.greeted
    var context: ChannelHandlerContext?
    /// What the client sent and nobody has looked at.
    var input = ByteBuffer()
    var decoder = PacketDecoder(payloadBytesMax: 1 << 20)
    /// The sequence number of the next packet to the client while it logs in.
    var sequence: UInt8 = 0
    var hello: HandshakeResponse?
    var secret = BackendSecret.empty
    var isEncrypted = false
    /// Between the client and the session, once one that asked for it is logged in.
    var compression: CompressionHandler?
    /// The client's address and ours; what a PROXY header says once there was one. nil without TCP.
    var ends: ConnectionEnds?
    /// Nothing of the client has been taken yet: a PROXY header may come.
    var isFirst = true
    /// The accounts of the client's name, and the host pattern of the one that let it in.
    var accounts: [ProxyAccount] = []
    var accountHost = ""
    var loginDeadline: Scheduled<Void>?
    var state: SessionState

    var leader: BackendConnection?
    var replica: BackendConnection?
    var wasAtReplica = false
    /// Whether the last statement that did not fail ran at the replica.
    var succeededAtReplica = false
    var isReadingAtReplica = false
    /// Replicas that could not be reached are not tried again before these times.
    var lostReplicas: [BackendAddress: NIODeadline] = [:]

    var current: ClientCommand?
    /// Where ``current`` was sent.
    var answering: BackendConnection?
    var reader = ResponseReader(.results, capabilities: [])
    /// Gives the rest of an answer new numbers, once packets were put in.
    var renumbering: FrameCounter?
    /// The rest of a large command, or of a local file, that goes on to ``answering``.
    var streaming: FrameCounter?
    var waiting: Scheduled<Void>?
    /// The wait for a leader was as long as it may be.
    var isWaitOver = false
    var retryLeaderAt = NIODeadline.uptimeNanoseconds(0)
    /// How often the command under way was asked again after its database was lost.
    var repeats = 0
    /// How often the command under way was refused by leaders that were none any more.
    var readOnlyRetries = 0
    /// What the server tells must be asked for again.
    var refreshesTracking = false
    var statements: [UInt32: PreparedStatement] = [:]
    var lastStatementID: UInt32 = 0
    var lastOwnStatementID = ProxySession.ownIDs.lowerBound
    var statementBytes = 0
    /// Set by a KILL CONNECTION that came through the proxy.
    var isKilled = false
    /// User variables and the like were lost with a leader.
    var hasLostState = false
    var isReadingClient = true
    private var owesFlush = false
    private var socket: DirectSocket?

    /// Longer commands are passed on unread, to the leader.
    static let inspectedBytesMax = 1 << 20
    /// Read ahead of the command under way.
    static let inputBytesMax = 256 << 10
    /// Texts of prepared statements kept for a session, and as much again of definitions that a client has not.
    static let statementBytesMax = 16 << 20

    init(worker: ProxyWorker, connectionID: UInt32) {
        self.worker = worker
        self.connectionID = connectionID
        state = SessionState(
            consistency: worker.configuration.readConsistency, tracking: ClientTracking(isEnabled: false))
    }

    var isToCompress: Bool { hello?.capabilities.contains(.compress) ?? false }
    var view: ProxyView { worker.view }
    var logger: Logger { worker.logger }
    var eventLoop: any EventLoop { worker.eventLoop }

    // MARK: The client's channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        socket = DirectSocket.of(context.channel)
    }
    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        close()
    }

    func channelActive(context: ChannelHandlerContext) {
        worker.opened(self)
        ends = ConnectionEnds(accepted: context.channel)
        loginDeadline = eventLoop.scheduleTask(in: worker.configuration.loginTimeout) { [weak self] in
            guard let self, self.phase != .ready else { return }
            self.close()
        }
        greet()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 {
            input = bytes
        } else {
            if input.readerIndex > Self.inputBytesMax { input.discardReadBytes() }
            input.writeBuffer(&bytes)
        }
        if streaming != nil { stream() }
        pump()
    }

    func channelReadComplete(context: ChannelHandlerContext) { if streaming != nil { answering?.flush() } }

    func channelInactive(context: ChannelHandlerContext) { close() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        answering?.setReading(context.channel.isWritable)
    }

    /// Takes what the client sent, as far as it can be taken now.
    func pump() {
        while phase != .closed {
            switch phase {
            case .greeted, .switching, .relaying: guard receiveLogin() else { return }
            case .ready:
                guard current == nil, streaming == nil, begin() else {
                    holdClient()
                    return
                }
            case .checking:
                holdClient()
                return
            case .closed: return
            }
        }
    }

    /// Stops reading from a client that sends more than can be passed on, and starts again.
    func holdClient() {
        let reads = wantsMore
        guard reads != isReadingClient, let context else { return }
        isReadingClient = reads
        do { try context.channel.syncOptions?.setOption(.autoRead, value: reads) } catch { return close() }
        if reads { context.read() }
    }

    private var wantsMore: Bool {
        if phase == .ready, current == nil, streaming == nil { return true }
        // The rest of a large command goes on as fast as the database takes it.
        if streaming != nil, current?.isSent ?? true, let answering, !answering.isWritable { return false }
        return input.readableBytes < Self.inputBytesMax
    }

    // MARK: To the client

    func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }
    func flush() { context?.flush() }

    /// Flushes at the end of the loop's round.
    func flushSoon() {
        guard !owesFlush else { return }
        owesFlush = true
        worker.flushes.add(self)
    }

    func flushOwed() { if owesFlush { flush() } }

    /// One packet in answer to a command.
    func answer(_ payload: ByteBuffer, sequence: UInt8 = 1) {
        var packet = ByteBuffer()
        packet.writePacket(payload, sequence: sequence)
        write(packet)
        flush()
    }

    func answerOK(sequence: UInt8 = 1) {
        var payload = ByteBuffer()
        payload.writeBytes([0x00, 0x00, 0x00])
        payload.writeInteger(
            state.flags.subtracting([.moreResults, .cursorExists, .sessionStateChanged]).rawValue, endianness: .little)
        payload.writeInteger(UInt16(0))
        answer(payload, sequence: sequence)
    }

    func answerError(_ code: UInt16, _ sqlState: String, _ message: String, sequence: UInt8 = 1) {
        var payload = ByteBuffer()
        ServerError(code: code, sqlState: sqlState, message: message).write(to: &payload)
        answer(payload, sequence: sequence)
    }

    /// Ends everything; whatever is under way gets no answer, as when a server is lost.
    func close() {
        guard phase != .closed else { return }
        // Of a client that leaves in the midst of something nobody knows what its connections still bring.
        let leavesInOrder = phase == .ready && current == nil && answering == nil && streaming == nil && !isKilled
        phase = .closed
        loginDeadline?.cancel()
        waiting?.cancel()
        current = nil
        answering = nil
        for backend in [leader, replica].compactMap({ $0 }) {
            if leavesInOrder, secret != .relayed { worker.release(backend) } else { backend.close() }
        }
        (leader, replica) = (nil, nil)
        statements = [:]
        input = ByteBuffer()
        worker.closed(self)
        flushOwed()
        context?.close(promise: nil)
    }
}

extension ProxySession: FlushOwner {
    func flushNow() {
        owesFlush = false
        flush()
    }

    var awaits: BusyPoll.Packet { .command }
    var source: DirectSocket? { isReadingClient ? socket : nil }
}
