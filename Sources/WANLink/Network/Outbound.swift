import Channels
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Opens TCP connections and explains, in an operator's words, why one could not be opened.
enum Outbound {
    /// Puts TLS on a dialled channel, before the connection is added.
    typealias Protection = (any Channel, PeerConnection) throws -> Void

    /// Connects and puts `connection` on the new channel. On the loop, before and after.
    ///
    /// - Parameters:
    ///   - extend: adds what comes behind the connection.
    ///   - failed: called with the reason when there is no connection; otherwise the connection's owner hears
    ///     of it.
    static func connect(
        _ connection: PeerConnection, to address: PeerAddress, on eventLoop: any EventLoop, timeout: TimeAmount,
        protect: Protection?, extend: @escaping (any Channel) throws -> Void = { _ in },
        failed: @escaping (String) -> Void
    ) {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: SocketTuning.readBuffers)
        // The handler goes on afterwards: for a name with several addresses NIO initialises several channels.
        opened(bootstrap, address).assumeIsolated().whenComplete { result in
            switch result {
            case .failure(let error): failed(explain(error, address: address))
            case .success(let channel):
                do {
                    try channel.pipeline.syncOperations.addHandler(ReadsBetweenFlushes())
                    try protect?(channel, connection)
                    try channel.pipeline.syncOperations.addHandler(connection)
                    try extend(channel)
                } catch {
                    channel.close(promise: nil)
                    failed("\(address) closed the connection at once")
                }
            }
        }
    }

    private static func opened(_ bootstrap: ClientBootstrap, _ address: PeerAddress) -> EventLoopFuture<any Channel> {
        do { return bootstrap.connect(to: try SocketAddress(ipAddress: address.host, port: address.port)) } catch {
            return bootstrap.connect(host: address.host, port: address.port)
        }
    }

    private static func explain(_ error: any Error, address: PeerAddress) -> String {
        switch error {
        case let failure as NIOConnectionError:
            if let last = failure.connectionErrors.last { return explain(last.error, address: address) }
            if failure.dnsAError != nil || failure.dnsAAAAError != nil { return "\(address.host) cannot be resolved" }
            return "\(address.host) has no address"
        case ChannelError.connectTimeout(let time):
            return "\(address) did not answer in \(time.nanoseconds / 1_000_000) ms"
        case let failure as IOError: return "\(address): \(systemText(failure.errnoCode))"
        default: return "\(address): \(error)"
        }
    }

    static func systemText(_ code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "connection refused"
        case EHOSTUNREACH: "no route to the host"
        case ENETUNREACH: "network unreachable"
        case ETIMEDOUT: "timed out"
        case EADDRINUSE: "the address is in use"
        case EADDRNOTAVAIL: "no interface of this machine has the address"
        case EACCES: "permission denied"
        case EMFILE, ENFILE: "no file descriptors are left"
        default: "system error \(code)"
        }
    }
}
