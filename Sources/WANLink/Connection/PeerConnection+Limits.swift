import NIOCore

extension PeerConnection {
    /// The bounds of a connection, in bytes where the name says so.
    struct Limits {
        var timeout: TimeAmount
        /// The longest payload, by what the connection turned out to be for.
        var controlFrameBytesMax: Int
        var bulkFrameBytesMax: Int
        /// Unsent bytes before control frames are dropped, and before a bulk stream gets no more.
        var controlQueueBytesMax: Int
        var bulkLineBytesMax: Int
        /// The congestion control to ask for; nil leaves the host's.
        var congestion: String?

        func frameBytesMax(_ purpose: ConnectionPurpose) -> Int {
            switch purpose {
            case .control, .request: controlFrameBytesMax
            case .bulk: bulkFrameBytesMax
            case .tunnel: TunnelLimits.frameBytesMax
            }
        }
        func queueBytesMax(_ purpose: ConnectionPurpose) -> Int {
            switch purpose {
            case .control, .request: controlQueueBytesMax
            case .bulk: bulkLineBytesMax
            case .tunnel: TunnelLimits.unsentBytesMax
            }
        }
    }
}
