import Channels
import ClusterCore
import Logging
import NIOCore
import NIOPosix

/// What a ``BinlogServer`` tells its owner; always on the server's event loop.
public protocol BinlogServerDelegate: AnyObject, Sendable {
    /// A replica asks for everything after `position`. Send it whole transactions, in order; it may be at once.
    func binlogServer(
        _ server: BinlogServer, opened session: BinlogReplicaSession, at position: GTIDPosition, replicaServerID: UInt32
    )
    /// The replica takes more again, after ``BinlogReplicaSession/isWritable`` was false.
    func binlogServer(_ server: BinlogServer, writable session: BinlogReplicaSession)
    /// The replica is gone, by whichever side; the last call for this session.
    func binlogServer(_ server: BinlogServer, closed session: BinlogReplicaSession)
}

/// A primary for MariaDB replicas: answers what a replica asks and streams what its owner sends.
///
/// To a replica with `rpl_semi_sync_slave_enabled=ON` it is a semi-sync primary that never asks for an acknowledgement,
/// which makes the replica accept transactions that bear its own server id (FACTS 3.4). Events are sent as they are:
/// they must carry CRC32 checksums, as those of ``BinlogSource`` do.
///
/// Bound to its event loop; all methods are for that loop. The delegate is held weakly.
public final class BinlogServer: @unchecked Sendable {  // all state is confined to `eventLoop`
    public struct Configuration: Sendable {
        public var host: String
        /// 0 takes a free one, see ``BinlogServer/localPort``.
        public var port: Int
        /// What replicas log in with: CHANGE MASTER TO MASTER_USER, MASTER_PASSWORD.
        public var credentials: Credentials
        /// The agent's own, unlike that of every replica.
        public var serverID: UInt32
        /// What replicas are told; its major version must be 10 or higher for them to use GTIDs.
        public var serverVersion: String
        /// How much ``BinlogReplicaSession/send(events:)`` collects, and how much may wait in the channel, before
        /// ``BinlogReplicaSession/isWritable`` turns false. One send may go beyond it by its own size.
        public var pendingBytesMax: Int
        public var connectionsMax: Int
        /// From connecting to the request for the stream.
        public var loginTimeout: Duration
        public var logger: Logger

        public init(
            host: String, port: Int = 0, credentials: Credentials, serverID: UInt32,
            serverVersion: String = "10.11.19-MariaDB-wolfscale", pendingBytesMax: Int = 1 << 20,
            connectionsMax: Int = 64, loginTimeout: Duration = .seconds(10), logger: Logger
        ) {
            self.host = host
            self.port = port
            self.credentials = credentials
            self.serverID = serverID
            self.serverVersion = serverVersion
            self.pendingBytesMax = pendingBytesMax
            self.connectionsMax = connectionsMax
            self.loginTimeout = loginTimeout
            self.logger = logger
        }
    }

    public let configuration: Configuration
    public let eventLoop: any EventLoop
    /// The FORMAT_DESCRIPTION event of the server whose events are sent, for replicas of another version than this
    /// code was written for; nil serves MariaDB 10.11's. For sessions that open later.
    public var formatDescription: ByteBuffer?
    /// What replicas log in with now. Those that have logged in stay; see ``disconnectAll()``.
    public var credentials: Credentials
    weak var delegate: (any BinlogServerDelegate)?
    private var listener: (any Channel)?
    private var connections: [UInt32: ReplicaConnection] = [:]
    private var lastConnectionID: UInt32 = 0

    /// Without a listener, for tests; others ``start(_:on:delegate:)``.
    init(_ configuration: Configuration, eventLoop: any EventLoop, delegate: any BinlogServerDelegate) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.delegate = delegate
        credentials = configuration.credentials
    }

    /// Listens. Fails with the system's error when the address cannot be bound.
    public static func start(
        _ configuration: Configuration, on eventLoop: any EventLoop, delegate: any BinlogServerDelegate
    ) -> EventLoopFuture<BinlogServer> {
        let server = BinlogServer(configuration, eventLoop: eventLoop, delegate: delegate)
        let waterMark = ChannelOptions.Types.WriteBufferWaterMark(
            low: configuration.pendingBytesMax / 2, high: configuration.pendingBytesMax)
        return ServerBootstrap(group: eventLoop, childGroup: eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: waterMark)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try server.accept(channel) }
            }
            .bind(host: configuration.host, port: configuration.port)
            .map { listener in
                server.listener = listener
                return server
            }
    }

    /// The port that it listens on.
    public var localPort: Int { listener?.localAddress?.port ?? configuration.port }

    /// Ends all sessions and stops listening.
    public func close() -> EventLoopFuture<Void> {
        eventLoop.assertInEventLoop()
        for connection in connections.values { connection.close() }
        guard let listener else { return eventLoop.makeSucceededVoidFuture() }
        self.listener = nil
        return listener.close()
    }

    /// Ends every connection; whoever still has a valid login may connect again.
    public func disconnectAll() {
        eventLoop.assertInEventLoop()
        for connection in connections.values { connection.close() }
    }

    func accept(_ channel: any Channel) throws {
        guard connections.count < configuration.connectionsMax else {
            configuration.logger.warning("the relay refuses a connection: \(connections.count) are open")
            throw WireError(.unexpected("connection beyond the limit"))
        }
        repeat { lastConnectionID &+= 1 } while lastConnectionID == 0 || connections[lastConnectionID] != nil
        let connection = ReplicaConnection(server: self, channel: channel, connectionID: lastConnectionID)
        connections[lastConnectionID] = connection
        try channel.pipeline.syncOperations.addHandlers(ReadsBetweenFlushes(), connection)
    }

    func kill(_ connectionID: UInt32) -> Bool {
        guard let connection = connections[connectionID] else { return false }
        connection.close()
        return true
    }

    func remove(_ connectionID: UInt32) { connections[connectionID] = nil }
}
