import Channels
import NIOCore
import NIOPosix

/// How connections to databases are made: by TCP, by a socket, or by whatever the agent offers for members that can't be reached so.
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

    /// What MariaDB calls the host of those who come by its socket.
    static let socket = "localhost"
}

/// Plain TCP, and the sockets of databases beside the proxy.
public struct DirectDialler: BackendDialler {
    public var timeout: TimeAmount

    public init(timeout: TimeAmount = .seconds(2)) { self.timeout = timeout }

    public func connect(
        to address: BackendAddress, on eventLoop: any EventLoop,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.writeBufferWaterMark, value: ProxyBuffers.waterMark)
            .channelOption(.recvAllocator, value: ProxyBuffers.reads)
            .channelOption(.maxMessagesPerRead, value: ProxyBuffers.messagesPerRead)
        switch address {
        case .tcp(let host, let port):
            return
                bootstrap
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.socketOption(.so_keepalive), value: 1)
                .channelInitializer { channel in
                    Self.writingDirectly(channel).flatMap { initializer(channel) }
                }
                .connect(host: host, port: port)
        case .local(let socket, _, _):
            return
                bootstrap
                .channelInitializer { channel in
                    Self.writingDirectly(channel).flatMap { initializer(channel) }.map {
                        channel.pipeline.fireUserInboundEventTriggered(DatabaseSees(address: DatabaseSees.socket))
                    }
                }
                .connect(unixDomainSocketPath: socket)
        case .member: return eventLoop.makeFailedFuture(UnreachableBackend(address: address))
        }
    }

    private static func writingDirectly(_ channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(DirectSocket()) }
    }
}

struct UnreachableBackend: Error, CustomStringConvertible {
    var address: BackendAddress
    var description: String {
        "the database of \(address) listens on its own loopback only; set proxy.tunnel = true on all members, or let it listen "
            + "on an address that the others reach"
    }
}
