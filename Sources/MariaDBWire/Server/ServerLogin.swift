import NIOCore

/// The server's side of the login, without I/O: mysql_native_password, asked for again when the client chose another.
struct ServerLogin {
    enum Step: Equatable {
        /// Send this payload, the client answers.
        case send(ByteBuffer)
        case accepted
        case refused(ServerError)
    }
    private enum State {
        case greeted
        case switched(user: String)
    }

    let credentials: Credentials
    let greeting: HandshakeV10
    private var state = State.greeted

    init(_ credentials: Credentials, serverVersion: String, connectionID: UInt32) {
        self.credentials = credentials
        greeting = HandshakeV10(
            // With this prefix a client takes the rest for the version, whatever its age (FACTS 3.1).
            serverVersion: "5.5.5-" + serverVersion, connectionID: connectionID, salt: NativePassword.makeSalt(),
            capabilities: [
                .longPassword, .connectWithDatabase, .protocol41, .transactions, .secureConnection,
                .pluginAuthentication, .connectAttributes, .lengthEncodedAuthentication,
            ],
            plugin: NativePassword.plugin)
    }

    mutating func receive(_ payload: ByteBuffer) throws(WireError) -> Step {
        switch state {
        case .greeted:
            let response = try HandshakeResponse(payload)
            guard response.plugin == nil || response.plugin == NativePassword.plugin else {
                state = .switched(user: response.user)
                var request = ByteBuffer()
                AuthenticationSwitch(plugin: NativePassword.plugin, data: greeting.salt).write(to: &request)
                return .send(request)
            }
            return verify(user: response.user, reply: response.authentication)
        case .switched(let user): return verify(user: user, reply: Array(buffer: payload))
        }
    }

    private func verify(user: String, reply: [UInt8]) -> Step {
        let isPassword = NativePassword.verify(reply: reply, password: credentials.password, salt: greeting.salt)
        guard isPassword, user == credentials.user else {
            return .refused(
                ServerError(
                    code: 1045, sqlState: "28000", message: "Access denied for user '\(user.prefix(80))' to the relay"))
        }
        return .accepted
    }
}
