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
                    try channel.pipeline.syncOperations.addHandler(BinlogSourceHandler(source))
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
            channel.pipeline.handler(type: BinlogSourceHandler.self).map { $0.source }.flatMap { source in
                let limit = channel.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
                    source.end(BinlogSourceError(.timedOut, "no stream from \(configuration.address) in time"))
                }
                source.established.futureResult.assumeIsolated().whenComplete { _ in limit.cancel() }
                return source.established.futureResult
            }
        }
    }
}
