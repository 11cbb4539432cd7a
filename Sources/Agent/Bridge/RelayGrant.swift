import MariaDBWire

/// Who may fetch the log from the relay: at most one channel at a time. Each start of a channel makes a new login and ends the one
/// before, so a node that held the channel earlier gets nothing any more, whatever it still believes. (B1)
@NodeLoop
final class RelayGrant {
    let server: BinlogServer
    private var count: UInt64 = 0

    init(server: BinlogServer) { self.server = server }

    /// Ends what was granted: nobody can log in.
    func revoke() {
        server.credentials = makeCredentials()
        server.disconnectAll()
    }

    /// The login for the next channel.
    func grant() -> Credentials {
        revoke()
        return server.credentials
    }

    private func makeCredentials() -> Credentials {
        count += 1
        let secret = (0..<24).map { _ in UInt8.random(in: 0...255) }
        return Credentials(user: "wolfscale_\(count)", password: AgentAssembly.hex(secret))
    }
}
