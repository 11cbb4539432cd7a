import Logging
import MariaDBWire
import NIOCore

/// Connections to databases whose clients are gone, for the next clients (`proxy.pool`). Confined to its event loop.
///
/// One is reset when its client goes, so that no lock or transaction outlives it, and the next client logs in on it by
/// COM_CHANGE_USER: the server itself makes it a fresh session of that account. What is saved is connecting, a tunnel's handshakes and the
/// server's thread.
final class BackendPool: BackendOwner, @unchecked Sendable {  // all state is confined to the loop
    private struct Parked {
        var connection: BackendConnection
        var expiry: Scheduled<Void>
    }

    /// How long one is kept without a client.
    static let lifetime = TimeAmount.seconds(60)

    private let connectionsMax: Int
    private let eventLoop: any EventLoop
    /// The one that came last is at the end and goes first.
    private var parked: [Parked] = []
    /// Being reset.
    private var resetting: [ObjectIdentifier: BackendConnection] = [:]
    private var isClosed = false

    /// - Parameter connectionsMax: 0 for none: everything that is offered is closed.
    init(connectionsMax: Int, on eventLoop: any EventLoop) {
        self.connectionsMax = connectionsMax
        self.eventLoop = eventLoop
    }

    var count: Int { parked.count }

    /// Takes over a connection that its client's session has no more use for.
    ///
    /// - Returns: false when there is no room; it stays the caller's.
    func offer(_ connection: BackendConnection) -> Bool {
        guard !isClosed, parked.count + resetting.count < connectionsMax, connection.isReusable else { return false }
        connection.hand(to: self)
        resetting[ObjectIdentifier(connection)] = connection
        connection.run(ByteBuffer(bytes: [Command.resetConnection]), shape: .onePacket) { [self] answer in
            guard resetting.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
            if case .error = answer { return connection.close() }
            let expiry = eventLoop.scheduleTask(in: Self.lifetime) { [weak self] in
                guard let self else { return }
                self.discard { $0 === connection }
            }
            parked.append(Parked(connection: connection, expiry: expiry))
        }
        return true
    }

    /// One to log in on; it is the caller's from now on.
    func take(where fits: (BackendConnection) -> Bool) -> BackendConnection? {
        guard let index = parked.lastIndex(where: { fits($0.connection) }) else { return nil }
        let one = parked.remove(at: index)
        one.expiry.cancel()
        return one.connection
    }

    /// Closes those that are of no use any more.
    func discard(where isUseless: (BackendConnection) -> Bool) {
        let useless = parked.filter { isUseless($0.connection) }
        parked.removeAll { isUseless($0.connection) }
        for one in useless {
            one.expiry.cancel()
            one.connection.close()
        }
        for connection in Array(resetting.values) where isUseless(connection) {
            resetting[ObjectIdentifier(connection)] = nil
            connection.close()
        }
    }

    func close() {
        isClosed = true
        discard { _ in true }
    }

    // MARK: BackendOwner

    var connectionID: UInt32 { 0 }

    func backend(_ backend: BackendConnection, mayLogInFrom address: String) -> Bool { false }
    func backend(_ backend: BackendConnection, asks payload: ByteBuffer) { discard { $0 === backend } }
    func backendLoggedIn(_ backend: BackendConnection) {}
    /// Nothing was asked: the server says goodbye.
    func backend(_ backend: BackendConnection, received bytes: inout ByteBuffer) {
        bytes.moveReaderIndex(to: bytes.writerIndex)
        discard { $0 === backend }
    }
    func backendPaused(_ backend: BackendConnection) {}
    func backendWritabilityChanged(_ backend: BackendConnection) {}
    func backend(_ backend: BackendConnection, ended reason: BackendEnd) {
        resetting[ObjectIdentifier(backend)] = nil
        discard { $0 === backend }
    }
}
