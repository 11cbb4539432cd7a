import MariaDBWire
import NIOCore

/// The login at a database in a client's name, without I/O: packets in, what to do next out.
struct BackendLogin {
    enum Step: Equatable {
        case send(ByteBuffer, sequence: UInt8)
        /// Send this as it is and begin TLS, then go on with ``BackendLogin/encrypted()``.
        case encrypt(ByteBuffer, sequence: UInt8)
        /// The client must answer this itself, by ``BackendConnection/reply(_:)``.
        case ask(ByteBuffer, sequence: UInt8)
        case loggedIn
        case refused(ServerError)
        case broken(String)
    }

    private enum State { case greeting, result }

    /// What an earlier login on the same connection left: the server's greeting, what it agreed to, and its last salt.
    struct Earlier {
        var greeting: HandshakeV10
        var capabilities: Capabilities
        var salt: [UInt8]
    }

    /// As the client said it; the authentication is replaced.
    private var response: HandshakeResponse
    private let secret: BackendSecret
    private let isEncrypted: Bool
    private var state = State.greeting
    private(set) var greeting: HandshakeV10?
    private var salt: [UInt8] = []
    /// What both sides can: bytes pass unchanged only with the flags that the client has.
    private(set) var capabilities: Capabilities = []
    /// The flags of the final OK.
    private(set) var flags: ServerStatus = .autocommit

    /// - Parameter isEncrypted: nothing but the request for TLS goes out unencrypted.
    init(_ response: HandshakeResponse, schema: String?, secret: BackendSecret, isEncrypted: Bool = false) {
        self.response = response
        self.response.database = schema
        self.secret = secret
        self.isEncrypted = isEncrypted
    }

    mutating func receive(_ packet: Packet) -> Step {
        do throws(WireError) {
            if packet.payload.getInteger(at: packet.payload.readerIndex, as: UInt8.self) == 0xFF {
                return .refused(try ServerError(packet.payload))
            }
            switch state {
            case .greeting: return try answer(packet)
            case .result: return try result(packet)
            }
        } catch { return .broken("\(error)") }
    }

    private mutating func answer(_ packet: Packet) throws(WireError) -> Step {
        let greeting = try HandshakeV10(packet.payload)
        self.greeting = greeting
        salt = greeting.salt
        guard greeting.capabilities.isSuperset(of: [.protocol41, .pluginAuthentication, .sessionTracking]) else {
            return .broken("\(greeting.serverVersion) is too old a server: it can't track sessions")
        }
        capabilities = agreed(greeting)
        response.capabilities = isEncrypted ? capabilities.union(.tls) : capabilities
        response.plugin = NativePassword.plugin
        response.authentication = secret.nativeReply(salt: greeting.salt)
        state = .result
        guard isEncrypted else { return .send(answer(), sequence: packet.sequence &+ 1) }
        guard greeting.capabilities.contains(.tls) else { return .refused(.withoutTLS("it offers none (ssl_cert)")) }
        var request = ByteBuffer()
        response.writeTLSRequest(to: &request)
        return .encrypt(request, sequence: packet.sequence &+ 1)
    }

    /// What follows the request for TLS, inside it; its number is one higher.
    func encrypted() -> ByteBuffer { answer() }

    private func answer() -> ByteBuffer {
        var payload = ByteBuffer()
        response.write(to: &payload)
        return payload
    }

    private func agreed(_ greeting: HandshakeV10) -> Capabilities {
        var flags = response.capabilities.subtracting([.tls, .compress, .connectWithDatabase])
        flags.formUnion([
            .protocol41, .secureConnection, .pluginAuthentication, .lengthEncodedAuthentication, .sessionTracking,
        ])
        if response.database != nil { flags.insert(.connectWithDatabase) }
        if response.attributes == nil { flags.remove(.connectAttributes) }
        return flags.intersection(greeting.capabilities.union(.longPassword))
    }

    // MARK: On a connection that somebody else has logged in on

    var earlier: Earlier? { greeting.map { Earlier(greeting: $0, capabilities: capabilities, salt: salt) } }

    /// Whether both sides understand each other on that connection as on one of this login's own.
    func fits(_ earlier: Earlier) -> Bool {
        secret != .relayed
            && agreed(earlier.greeting).subtracting(.connectWithDatabase)
                == earlier.capabilities.subtracting(.connectWithDatabase)
    }

    /// The command that begins this login there; what comes back is for ``receive(_:)``.
    mutating func changeUser(_ earlier: Earlier) -> ByteBuffer {
        greeting = earlier.greeting
        capabilities = earlier.capabilities
        salt = earlier.salt
        state = .result
        let reply = secret.nativeReply(salt: salt)
        var payload = ByteBuffer(bytes: [Command.changeUser])
        payload.writeNullTerminatedString(response.user)
        payload.writeInteger(UInt8(reply.count))
        payload.writeBytes(reply)
        payload.writeNullTerminatedString(response.database ?? "")
        payload.writeInteger(UInt16(response.characterSet), endianness: .little)
        payload.writeNullTerminatedString(NativePassword.plugin)
        if capabilities.contains(.connectAttributes), let attributes = response.attributes {
            payload.writeImmutableBuffer(attributes)
        }
        return payload
    }

    private mutating func result(_ packet: Packet) throws(WireError) -> Step {
        switch packet.payload.getInteger(at: packet.payload.readerIndex, as: UInt8.self) {
        case 0x00:
            flags = packet.payload.withUnsafeReadableBytes { StatusPacket($0)?.flags } ?? .autocommit
            return .loggedIn
        case 0xFE, 0x01:
            if secret == .relayed { return .ask(packet.payload, sequence: packet.sequence &+ 1) }
            let request = try AuthenticationSwitch(packet.payload)
            guard request.plugin == NativePassword.plugin else {
                return .broken("the account wants to log in with \(request.plugin), which the proxy can't do for it")
            }
            salt = request.data
            return .send(ByteBuffer(bytes: secret.nativeReply(salt: request.data)), sequence: packet.sequence &+ 1)
        default: return .broken("an unexpected answer to the login")
        }
    }
}
