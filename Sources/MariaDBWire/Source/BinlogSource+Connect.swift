import Channels
import NIOCore
import NIOPosix

extension BinlogSource {
    /// Connects, logs in and starts the stream. Succeeds when the server has accepted the dump (its first
    /// FORMAT_DESCRIPTION event came); transactions reach the delegate only after that. Fails with a
    /// ``BinlogSourceError``; the delegate then hears nothing.
    ///
    /// - Parameter delegate: held weakly.
    public static func connect(
        _ configuration: Configuration, on eventLoop: any EventLoop, delegate: any BinlogSourceDelegate
    ) -> EventLoopFuture<BinlogSource> {
        let timeout = TimeAmount(configuration.connectTimeout)
        // A host with several addresses is tried with a channel for each; the one that connects is looked up here, as
        // its pipeline may be gone by then: a server can refuse faster than futures follow each other.
        let sources = NIOLoopBoundBox.makeBoxSendingValue([ObjectIdentifier: BinlogSource](), eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 16 * 1024, maximum: 256 * 1024)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let source = BinlogSource(configuration, channel: channel, delegate: delegate)
                    sources.value[ObjectIdentifier(channel)] = source
                    try channel.pipeline.syncOperations.addHandlers(
                        ReadsBetweenFlushes(), BinlogSourceHandler(source))
                }
            }
        let connecting: EventLoopFuture<any Channel> =
            switch configuration.address {
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
            }
        return connecting.flatMapErrorThrowing { error in
            throw BinlogSourceError(.cannotConnect, "cannot connect to \(configuration.address): \(error)")
        }.flatMap { channel in
            guard let source = sources.value[ObjectIdentifier(channel)] else {
                preconditionFailure("a channel connected without its initializer")
            }
            let limit = eventLoop.assumeIsolated().scheduleTask(in: timeout) {
                source.end(BinlogSourceError(.timedOut, "no stream from \(configuration.address) in time"))
            }
            source.established.futureResult.assumeIsolated().whenComplete { _ in limit.cancel() }
            return source.established.futureResult
        }
    }
}
