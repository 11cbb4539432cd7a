import Logging
import NIOCore

extension PeerNetwork {
    public struct Configuration: Sendable {
        public var bindHost: String
        /// 0 for any free port.
        public var bindPort: Int
        /// A line on which nothing was heard for this long is closed; also bounds connecting and the handshake.
        public var timeout: Duration
        public var controlFrameBytesMax = 1 << 20
        public var bulkFrameBytesMax = 65 << 20
        /// Unsent bytes a peer beyond which control payloads are dropped.
        public var controlQueueBytesMax = 4 << 20
        /// Unsent bytes a peer beyond which bulk payloads are not taken.
        public var bulkQueueBytesMax = 8 << 20
        /// Accepted connections of all kinds, handshake done or not.
        public var acceptedConnectionsMax = 512
        /// nil: without TLS.
        public var security: LinkSecurity?
        public var logger: Logger

        public init(bindHost: String, bindPort: Int, timeout: Duration = .seconds(5), logger: Logger) {
            self.bindHost = bindHost
            self.bindPort = bindPort
            self.timeout = timeout
            self.logger = logger
        }

        var limits: PeerConnection.Limits {
            PeerConnection.Limits(
                timeout: TimeAmount(timeout), controlFrameBytesMax: controlFrameBytesMax,
                bulkFrameBytesMax: bulkFrameBytesMax, controlQueueBytesMax: controlQueueBytesMax,
                bulkQueueBytesMax: bulkQueueBytesMax)
        }
    }
}

extension PeerNetworkError {
    static func cannotBind(_ address: PeerAddress, _ error: any Error) -> PeerNetworkError {
        let reason = (error as? IOError).map { Outbound.systemText($0.errnoCode) } ?? "\(error)"
        return PeerNetworkError(
            .cannotBind, "cannot listen for peers on \(address): \(reason)",
            remedy: "stop what uses that port, or set node.bind_address to an address and a free port of this machine")
    }
}
