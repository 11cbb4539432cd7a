import Channels
import Logging
import MariaDBWire
import NIOCore
import NIOTLS

/// What a ``BackendConnection`` tells its session; always on the loop of both.
protocol BackendOwner: AnyObject {
    /// The client's number.
    var connectionID: UInt32 { get }
    /// Whether the client's login may be repeated from this address of ours.
    func backend(_ backend: BackendConnection, mayLogInFrom address: String) -> Bool
    /// The login needs the client's own answer to this packet.
    func backend(_ backend: BackendConnection, asks payload: ByteBuffer)
    /// Logged in; the connection has the schema it was given and nothing else of the session.
    func backendLoggedIn(_ backend: BackendConnection)
    /// Bytes of the answer to what ``BackendConnection/send(_:shape:)`` sent; what is not consumed comes again with more.
    func backend(_ backend: BackendConnection, received bytes: inout ByteBuffer)
    /// No more bytes for now.
    func backendPaused(_ backend: BackendConnection)
    func backendWritabilityChanged(_ backend: BackendConnection)
    /// The last call.
    func backend(_ backend: BackendConnection, ended reason: BackendEnd)
}

/// Why a connection to a database is gone.
enum BackendEnd: Equatable {
    case cannotConnect(String)
    /// The server's own words, at the login or unasked for (a KILL, a shutdown).
    case said(ServerError, atLogin: Bool)
    case lost(String)
    /// By the session.
    case closed
}

/// One connection to a database for one client: logs in, runs the proxy's own statements, and passes a client's commands and their
/// answers on unread. Confined to its event loop.
final class BackendConnection: ChannelInboundHandler, @unchecked Sendable {  // all state is confined to the loop
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// For answers to the proxy's own statements.
    static let internalBytesMax = 4 << 20

    let address: BackendAddress
    let isReplica: Bool
    /// The leader's epoch when the connection was begun; nothing for a replica.
    let epoch: UInt64
    /// The version of the session's variables that the server has; nil before the first statement told it.
    var syncedVersion: UInt64?
    var syncedSchema: String?
    var syncedMultiStatements: Bool?
    private(set) var isReady = false
    private(set) var isEnded = false
    private weak var owner: (any BackendOwner)?
    private var login: BackendLogin
    /// Said before all else, so that the database takes the connection for the client's; nil for nothing.
    private let header: ProxyHeader?
    /// nil: without.
    private let tls: DatabaseTLS?
    private var isNegotiatingTLS = false
    private var isBegun = false
    /// Where it is not the connection's own.
    private var seenAddress: String?
    private var decoder = PacketDecoder(payloadBytesMax: 1 << 20)
    private var context: ChannelHandlerContext?
    /// Bytes that were not understood yet.
    private var pending: ByteBuffer?
    private var running: Internal?
    private var replySequence: UInt8 = 0
    private var owesFlush = false
    private var socket: DirectSocket?

    private struct Internal {
        var shape: ResponseShape
        var reader: ResponseReader
        var bytes: ByteBuffer
        var then: (InternalAnswer) -> Void
    }

    init(
        address: BackendAddress, isReplica: Bool, epoch: UInt64, login: BackendLogin, header: ProxyHeader? = nil,
        tls: DatabaseTLS? = nil, owner: any BackendOwner
    ) {
        self.header = header
        self.tls = tls
        self.address = address
        self.isReplica = isReplica
        self.epoch = epoch
        self.login = login
        self.owner = owner
    }

    var capabilities: Capabilities { login.capabilities }
    /// The server's number for this connection.
    var threadID: UInt32 { login.greeting?.connectionID ?? 0 }
    var serverVersion: String? { login.greeting?.serverVersion }
    var loginFlags: ServerStatus { login.flags }
    var isWritable: Bool { context?.channel.isWritable ?? false }
    /// Whether one of the proxy's own statements is under way.
    var isRunning: Bool { running != nil }

    // MARK: From one client to the next

    /// Whether its session has left it so that another may log in on it.
    var isReusable: Bool {
        isReady && !isEnded && running == nil && pending == nil && header == nil && syncedMultiStatements == nil
            && login.earlier != nil
    }

    /// Another owner hears of it from now on.
    func hand(to owner: any BackendOwner) {
        self.owner = owner
        setReading(true)
    }

    func fits(_ login: BackendLogin) -> Bool { self.login.earlier.map(login.fits) ?? false }

    /// The address that the database sees; nil before there is a connection.
    var visibleAddress: String? { seenAddress ?? context?.channel.localAddress?.ipAddress }

    /// Logs another client in. The new owner hears of it as of a first login.
    func begin(_ login: BackendLogin, owner: any BackendOwner) {
        guard let earlier = self.login.earlier else { return }
        self.login = login
        self.owner = owner
        isReady = false
        (syncedVersion, syncedSchema) = (nil, nil)
        decoder = PacketDecoder(payloadBytesMax: 1 << 20)
        var packet = ByteBuffer()
        packet.writePacket(self.login.changeUser(earlier), sequence: 0)
        send(packet)
        flush()
    }

    // MARK: What the session asks

    /// Sends bytes of a client's command, packets and all; `flush` after the last.
    func send(_ bytes: ByteBuffer) {
        guard let context else { return }
        context.write(wrapOutboundOut(bytes), promise: nil)
    }

    func flush() { context?.flush() }

    /// Flushes at the end of the loop's round.
    func flushSoon(in round: FlushRound) {
        guard !owesFlush else { return }
        owesFlush = true
        round.add(self)
    }

    /// The client's answer to what the database asked.
    func reply(_ payload: ByteBuffer) {
        var packet = ByteBuffer()
        packet.writePacket(payload, sequence: replySequence)
        send(packet)
        flush()
    }

    /// Runs a statement of the proxy's own; its answer is not shown to the client.
    func run(_ text: String, then: @escaping (InternalAnswer) -> Void) {
        var payload = ByteBuffer()
        payload.writeInteger(Command.query)
        payload.writeString(text)
        run(payload, shape: .results, then: then)
    }

    func run(_ payload: ByteBuffer, shape: ResponseShape, then: @escaping (InternalAnswer) -> Void) {
        precondition(running == nil, "two statements of the proxy at once")
        running = Internal(
            shape: shape, reader: ResponseReader(shape, capabilities: capabilities), bytes: ByteBuffer(), then: then)
        var packet = ByteBuffer()
        packet.writePacket(payload, sequence: 0)
        send(packet)
        flush()
    }

    private var isReading = true

    /// Stops and starts reading, so that nothing piles up for a client that reads slowly.
    func setReading(_ reads: Bool) {
        guard let context, reads != isReading else { return }
        isReading = reads
        do { try context.channel.syncOptions?.setOption(.autoRead, value: reads) } catch { end(.lost("\(error)")) }
        if reads { context.read() }
    }

    /// Says goodbye when the server can hear it, and closes.
    func close() {
        guard !isEnded else { return }
        if isReady, running == nil, let context {
            var quit = ByteBuffer()
            quit.writePacket(ByteBuffer(bytes: [Command.quit]), sequence: 0)
            context.writeAndFlush(wrapOutboundOut(quit), promise: nil)
        }
        end(.closed)
    }

    func cannotConnect(_ error: any Error) { end(.cannotConnect("\(error)")) }

    private func end(_ reason: BackendEnd) {
        guard !isEnded else { return }
        isEnded = true
        isReady = false
        running = nil
        let owner = owner
        self.owner = nil
        context?.close(promise: nil)
        if reason != .closed { owner?.backend(self, ended: reason) }
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        socket = DirectSocket.of(context.channel)
        if context.channel.isActive { begin() }
    }

    func channelActive(context: ChannelHandlerContext) { begin() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { isNegotiatingTLS = false }
        guard let told = event as? DatabaseSees else { return context.fireUserInboundEventTriggered(event) }
        seenAddress = told.address
    }

    private func begin() {
        guard !isBegun, let header else { return }
        isBegun = true
        var bytes = ByteBuffer()
        header.write(to: &bytes)
        send(bytes)
        flush()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isEnded else { return }
        var bytes = unwrapInboundIn(data)
        if var held = pending {
            pending = nil
            held.writeBuffer(&bytes)
            bytes = held
        }
        while bytes.readableBytes > 0, !isEnded {
            let before = bytes.readableBytes
            if !isReady {
                receiveLogin(&bytes)
            } else if running != nil {
                receiveInternal(&bytes)
            } else {
                owner?.backend(self, received: &bytes)
            }
            if bytes.readableBytes == before { break }
        }
        if bytes.readableBytes > 0, !isEnded { pending = bytes }
    }

    func channelReadComplete(context: ChannelHandlerContext) { owner?.backendPaused(self) }
    func channelWritabilityChanged(context: ChannelHandlerContext) { owner?.backendWritabilityChanged(self) }
    func channelInactive(context: ChannelHandlerContext) { end(.lost("the server closed the connection")) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(isNegotiatingTLS ? .said(.withoutTLS("\(error)"), atLogin: true) : .lost("\(error)"))
    }

    /// The server's own words for an account that does not fit the address it is used from.
    private func refuseAddress(_ address: String) {
        end(
            .said(
                ServerError(
                    code: 1045, sqlState: "28000",
                    message: "Access denied: the database would see the proxy's address \(address), to which another "
                        + "account belongs than to the client's; allow the account from both, and no other"),
                atLogin: true))
    }

    private func receiveLogin(_ bytes: inout ByteBuffer) {
        if header == nil, let address = visibleAddress, login.greeting == nil,
            owner?.backend(self, mayLogInFrom: address) == false
        {
            return refuseAddress(address)
        }
        do throws(WireError) {
            while !isReady, let packet = try decoder.next(from: &bytes) {
                switch login.receive(packet) {
                case .send(let payload, let sequence):
                    var out = ByteBuffer()
                    out.writePacket(payload, sequence: sequence)
                    send(out)
                    flush()
                case .encrypt(let request, let sequence): return encrypt(request, sequence, rest: bytes)
                case .ask(let payload, let sequence):
                    replySequence = sequence
                    owner?.backend(self, asks: payload)
                case .loggedIn:
                    isReady = true
                    owner?.backendLoggedIn(self)
                case .refused(let error): return end(.said(error, atLogin: true))
                case .broken(let reason): return end(.cannotConnect(reason))
                }
            }
        } catch { end(.lost("\(error)")) }
    }

    private func encrypt(_ request: ByteBuffer, _ sequence: UInt8, rest: ByteBuffer) {
        // A server says nothing more before the handshake; what is there was put in by somebody else.
        guard let tls, let context, rest.readableBytes == 0 else { return end(.lost("bytes before TLS")) }
        var packet = ByteBuffer()
        packet.writePacket(request, sequence: sequence)
        send(packet)
        flush()
        isNegotiatingTLS = true
        do { try tls.encrypt(context, to: address) } catch { return end(.said(.withoutTLS("\(error)"), atLogin: true)) }
        var answer = ByteBuffer()
        answer.writePacket(login.encrypted(), sequence: sequence &+ 1)
        send(answer)
        flush()
    }

    private func receiveInternal(_ bytes: inout ByteBuffer) {
        guard var now = running else { return }
        running = nil
        var isDone = false
        var broken: String?
        let taken = bytes.withUnsafeReadableBytes { view in
            var position = 0
            while true {
                let (end, event) = now.reader.scan(view, from: position)
                position = end
                guard let event else { break }
                if case .broken(let reason) = event { broken = reason }
                if case .wantsFile = event { broken = "a request for a file" }
                if broken != nil || now.reader.isEnded { break }
            }
            return position
        }
        if let part = bytes.readSlice(length: taken) { now.bytes.writeImmutableBuffer(part) }
        isDone = now.reader.isEnded
        if let broken { return end(.lost("an answer to the proxy makes no sense: \(broken)")) }
        guard now.bytes.readableBytes <= Self.internalBytesMax else { return end(.lost("an answer that is too long")) }
        guard isDone else {
            running = now
            return
        }
        now.then(InternalAnswer(now.bytes, shape: now.shape, capabilities: capabilities))
    }
}

extension BackendConnection: FlushOwner {
    func flushNow() {
        owesFlush = false
        flush()
    }

    var connectionID: UInt32 { owner?.connectionID ?? 0 }
    var awaits: BusyPoll.Packet { .answer }
    var source: DirectSocket? { isReading ? socket : nil }
}
