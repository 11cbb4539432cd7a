import NIOCore
import NIOPosix

/// How connections to databases are made: by TCP, or by whatever the agent offers for members that can't be reached so.
public protocol BackendDialler: Sendable {
    /// - Parameter initializer: adds the handlers, before anything is read.
    func connect(
        to address: BackendAddress, on eventLoop: any EventLoop,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel>
}

/// Fired through a connection's pipeline, before the database's first bytes, where the database sees another address than the
/// connection's own.
public struct DatabaseSees: Sendable {
    public var address: String
    public init(address: String) { self.address = address }
}

/// Plain TCP.
public struct TCPDialler: BackendDialler {
    public var timeout: TimeAmount

    public init(timeout: TimeAmount = .seconds(2)) { self.timeout = timeout }

    public func connect(
        to address: BackendAddress, on eventLoop: any EventLoop,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        guard case .tcp(let host, let port) = address else {
            return eventLoop.makeFailedFuture(UnreachableBackend(address: address))
        }
        return ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.writeBufferWaterMark, value: ProxyBuffers.waterMark)
            .channelOption(.recvAllocator, value: ProxyBuffers.reads)
            .channelOption(.maxMessagesPerRead, value: ProxyBuffers.messagesPerRead)
            .channelInitializer(initializer)
            .connect(host: host, port: port)
    }
}

struct UnreachableBackend: Error, CustomStringConvertible {
    var address: BackendAddress
    var description: String {
        "the database of \(address) listens on its own loopback only; set proxy.tunnel = true on all members, or let it listen "
            + "on an address that the others reach"
    }
}
