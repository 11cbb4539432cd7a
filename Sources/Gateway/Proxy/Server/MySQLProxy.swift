import Channels
import Logging
import MariaDBWire
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The MySQL endpoint as a service: reads go to the replica beside it, everything else to the leader, wherever that is.
///
/// It runs on loops of its own. What it knows of the cluster is what ``update(_:)`` was last given.
public final class MySQLProxy: Service {
    private let configuration: ProxyConfiguration
    private let workers: [ProxyWorker]
    private let group: any EventLoopGroup
    private let accounts: AccountCache
    private let shared: ProxyShared
    private let told = NIOLockedValueBox(ProxyView())
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// - Parameter onListening: called once, with the port that was bound.
    public init(
        _ configuration: ProxyConfiguration, accounts: any ProxyAccountSource,
        dialler: any BackendDialler = DirectDialler(), group: any EventLoopGroup, logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        let cache = AccountCache(accounts)
        let shared = ProxyShared(number: configuration.number, connectionsMax: configuration.connectionsMax)
        self.configuration = configuration
        self.accounts = cache
        self.shared = shared
        self.group = group
        self.logger = logger
        self.onListening = onListening
        workers = group.makeIterator().map { loop in
            ProxyWorker(
                eventLoop: loop, configuration: configuration, accounts: cache, dialler: dialler, shared: shared,
                logger: logger)
        }
    }

    /// Tells all sessions how the cluster is now.
    public func update(_ view: ProxyView) {
        told.withLockedValue { $0 = view }
        for worker in workers { worker.eventLoop.execute { worker.update(view) } }
    }

    /// What it was told last.
    public var view: ProxyView { told.withLockedValue { $0 } }

    /// From now on for so long nobody else than the leader of the last view can have become leader; reads that must be the latest
    /// wait when that is over. Without a first call they never do.
    public func trustLeader(for time: TimeAmount) { shared.trustLeader(until: .now() + time) }

    /// How many clients there may be.
    public var connectionsMax: Int { configuration.connectionsMax }

    /// How many clients are connected.
    public var connectionCount: Int { shared.count }

    /// What was counted since the start, on all loops together.
    public func counters() async -> ProxyCounters {
        var sum = ProxyCounters()
        for worker in workers {
            // A loop that has ended has nothing to say.
            do { sum.add(try await worker.eventLoop.submit { worker.snapshot }.get()) } catch { continue }
        }
        return sum
    }

    public var metrics: [MetricFamily] {
        get async {
            let (counters, view) = (await counters(), view)
            return counters.families(connected: connectionCount, connectionsMax: configuration.connectionsMax) + [
                .gauge("wolfscale_proxy_has_leader", "1 while it knows a database for writes.", view.leader != nil),
                .gauge("wolfscale_proxy_replicas", "Databases for reads that it knows.", UInt64(view.replicas.count)),
            ]
        }
    }

    /// Listens until the shutdown; sessions end with it.
    public func run() async throws {
        let listener: any Channel
        do { listener = try await bind() } catch {
            throw ProxyError.bind(
                "the proxy can't listen on \(configuration.host):\(configuration.port): \(error); stop what uses it, or set "
                    + "proxy.bind_address")
        }
        if let version = await accounts.serverVersion() {
            shared.learned(version: version.hasPrefix("10.") ? "5.5.5-" + version : version)
        }
        await onListening(listener.localAddress?.port ?? configuration.port)
        logger.notice("the proxy listens", metadata: ["address": "\(configuration.host):\(configuration.port)"])
        do { try await gracefulShutdown() } catch is CancellationError {}
        try await listener.close()
        for worker in workers { try await worker.eventLoop.submit { worker.closeAll() }.get() }
    }

    private func bind() async throws -> any Channel {
        let workers = Dictionary(uniqueKeysWithValues: workers.map { (ObjectIdentifier($0.eventLoop), $0) })
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: ProxyBuffers.waterMark)
            .childChannelOption(.recvAllocator, value: ProxyBuffers.reads)
            .childChannelOption(.maxMessagesPerRead, value: ProxyBuffers.messagesPerRead)
            .childChannelInitializer { [shared, logger] channel in
                guard let worker = workers[ObjectIdentifier(channel.eventLoop)] else {
                    preconditionFailure("a connection on a loop without a worker")
                }
                return channel.eventLoop.makeCompletedFuture {
                    if let session = shared.admit({ ProxySession(worker: worker, connectionID: $0) }) {
                        try channel.pipeline.syncOperations.addHandlers(
                            DirectSocket(), ReadsBetweenFlushes(), session)
                    } else {
                        logger.warning("the proxy is full: proxy.max_connections is reached")
                        try channel.pipeline.syncOperations.addHandler(FullHouse())
                    }
                }
            }
            .bind(host: configuration.host, port: configuration.port).get()
    }
}

public enum ProxyError: Error, CustomStringConvertible {
    case bind(String)
    case tls(String)

    public var description: String {
        switch self {
        case .bind(let text), .tls(let text): text
        }
    }
}

/// Tells a client that there is no room for it, as MariaDB does.
private final class FullHouse: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        var payload = ByteBuffer()
        // Before the client has said what it can, an error has no SQLSTATE.
        payload.writeInteger(UInt8(0xFF))
        payload.writeInteger(UInt16(1040), endianness: .little)
        payload.writeString("Too many connections")
        var packet = ByteBuffer()
        packet.writePacket(payload, sequence: 0)
        context.writeAndFlush(wrapOutboundOut(packet), promise: nil)
        context.close(promise: nil)
    }
}
