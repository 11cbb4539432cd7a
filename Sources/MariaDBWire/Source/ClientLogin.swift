import NIOCore

/// The client's side of the login, without I/O: packets in, the packet to send out.
struct ClientLogin {
    enum Step: Equatable {
        /// Send this payload with this sequence number.
        case send(ByteBuffer, sequence: UInt8)
        case loggedIn(connectionID: UInt32)
    }
    private enum State {
        case greeting
        case result
    }

    private let credentials: Credentials
    private var state = State.greeting
    private var connectionID: UInt32 = 0

    init(_ credentials: Credentials) { self.credentials = credentials }

    mutating func receive(_ packet: Packet) throws(BinlogSourceError) -> Step {
        switch state {
        case .greeting: try answerGreeting(packet)
        case .result: try handleResult(packet)
        }
    }

    private mutating func answerGreeting(_ packet: Packet) throws(BinlogSourceError) -> Step {
        // A server that is full or blocks this host sends an error instead of its greeting.
        try throwIfError(packet.payload)
        let greeting: HandshakeV10
        do throws(WireError) { greeting = try HandshakeV10(packet.payload) } catch { throw BinlogSourceError(error) }
        guard greeting.capabilities.isSuperset(of: [.protocol41, .pluginAuthentication]) else {
            throw BinlogSourceError(.protocolViolation, "\(greeting.serverVersion) is too old a server")
        }
        connectionID = greeting.connectionID
        state = .result
        let isNative = greeting.plugin == NativePassword.plugin
        let response = HandshakeResponse(
            capabilities: [
                .longPassword, .protocol41, .transactions, .secureConnection, .pluginAuthentication,
                .lengthEncodedAuthentication,
            ],
            user: credentials.user,
            authentication: isNative ? NativePassword.reply(password: credentials.password, salt: greeting.salt) : [],
            plugin: NativePassword.plugin)
        var payload = ByteBuffer()
        response.write(to: &payload)
        return .send(payload, sequence: packet.sequence &+ 1)
    }

    private func handleResult(_ packet: Packet) throws(BinlogSourceError) -> Step {
        try throwIfError(packet.payload)
        switch packet.payload.getInteger(at: packet.payload.readerIndex, as: UInt8.self) {
        case 0x00: return .loggedIn(connectionID: connectionID)
        case 0xFE:
            let request: AuthenticationSwitch
            do throws(WireError) {
                request = try AuthenticationSwitch(packet.payload)
            } catch {
                throw BinlogSourceError(error)
            }
            return .send(try answer(request), sequence: packet.sequence &+ 1)
        default: throw BinlogSourceError(.protocolViolation, "unexpected answer to the login")
        }
    }

    private func answer(_ request: AuthenticationSwitch) throws(BinlogSourceError) -> ByteBuffer {
        switch request.plugin {
        case NativePassword.plugin:
            ByteBuffer(bytes: NativePassword.reply(password: credentials.password, salt: request.data))
        case "unix_socket", "auth_socket":
            // The server asks the kernel who we are.
            ByteBuffer()
        default:
            throw BinlogSourceError(
                .authenticationUnsupported, "account \(credentials.user) logs in with \(request.plugin)")
        }
    }

    private func throwIfError(_ payload: ByteBuffer) throws(BinlogSourceError) {
        guard payload.getInteger(at: payload.readerIndex, as: UInt8.self) == 0xFF else { return }
        let error: ServerError
        do throws(WireError) { error = try ServerError(payload) } catch { throw BinlogSourceError(error) }
        throw .login(error)
    }
}
