import HummingbirdCore
import Logging
import NIOCore
import NIOSSL

/// HTTP/1.1 behind TLS, whose certificate may be another one with each connection.
struct SecuredHTTP1: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let plain: HTTP1Channel
    let security: APISecurity

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: security.current))
        }.flatMap { plain.setup(channel: channel, logger: logger) }
    }

    func handle(value: Value, logger: Logger) async { await plain.handle(value: value, logger: logger) }
}

extension HTTPServerBuilder {
    /// - Parameter security: nil for plain HTTP.
    static func api(_ security: APISecurity?, idleTimeout: TimeAmount) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            let plain = HTTP1Channel(
                responder: responder, configuration: HTTP1Channel.Configuration(idleTimeout: idleTimeout))
            guard let security else { return plain }
            return SecuredHTTP1(plain: plain, security: security)
        }
    }
}
