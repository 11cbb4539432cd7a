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
        /// Bytes of bulk payloads that wait for one peer; beyond it none are taken.
        public var bulkQueueBytesMax = 4 << 20
        /// Bytes that one bulk socket has not taken, beyond which it gets no more.
        public var bulkLineBytesMax = 256 << 10
        /// Bulk that a peer may have under way to this node and not yet digested by it.
        public var windowBytes = 16 << 20
        /// Connections that carry bulk to one peer.
        public var streams = 1
        /// Whether bulk for distant peers is compressed with zstd, if they can decompress it.
        public var compresses = true
        /// Distant is a peer with at least this round trip: nearer ones are sent what lies in the log, as it lies there. Zero
        /// makes all of them distant, even before a round trip is known.
        public var compressFromRoundTrip: Duration = .milliseconds(1)
        /// The congestion control to ask for on every connection; nil leaves the host's.
        public var congestion: String?
        public var payloads: any BulkPayloads = OpaquePayloads()
        /// Accepted connections of all kinds, handshake done or not.
        public var acceptedConnectionsMax = 512
        /// Tunnels to this node's database, which do not count above.
        public var tunnelsMax = 2_000
        /// Warnings about callers that are no peer's are one line of a kind in this time, with the number of the others.
        public var warningInterval: TimeAmount = .seconds(10)
        /// nil: without TLS.
        public var security: LinkSecurity?
        public var logger: Logger

        public init(bindHost: String, bindPort: Int, timeout: Duration = .seconds(5), logger: Logger) {
            self.bindHost = bindHost
            self.bindPort = bindPort
            self.timeout = timeout
            self.logger = logger
        }

        var bulkSettings: BulkSender.Settings {
            BulkSender.Settings(
                compresses: compresses, farFrom: TimeAmount(compressFromRoundTrip), payloads: payloads,
                queueBytesMax: bulkQueueBytesMax,
                lineBytesMax: bulkLineBytesMax)
        }

        var limits: PeerConnection.Limits {
            PeerConnection.Limits(
                timeout: TimeAmount(timeout), controlFrameBytesMax: controlFrameBytesMax,
                // Room for the header, and for what can't be compressed.
                bulkFrameBytesMax: bulkFrameBytesMax + (1 << 20), controlQueueBytesMax: controlQueueBytesMax,
                bulkLineBytesMax: bulkLineBytesMax, congestion: congestion)
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
