import NIOCore

/// The bounds of tunnels, in bytes and bytes per time.
enum TunnelLimits {
    /// A data frame's payload.
    static let frameBytesMax = 64 << 10
    /// What one turn of the loop reads from one side of one tunnel.
    static let readBytesMax = 32 << 10
    /// Unsent to the peer; beyond half of it nothing is read from the database.
    static let unsentBytesMax = 512 << 10
    /// Unsent to the database; beyond it nothing is read from the peer.
    static let databaseMark = ChannelOptions.Types.WriteBufferWaterMark(low: 64 << 10, high: 256 << 10)

    /// What all tunnels together may read in a slice of time on the loop that also carries votes and commits: about a
    /// millisecond's work in five, and 200 MB/s.
    static let slice: TimeAmount = .milliseconds(5)
    static let sliceBytesMax = 1 << 20

    /// How quickly one member may be asked for tunnels: below what its listener takes from one host.
    static let opensPerSecond: Int64 = 100
    static let opensAtOnce: Int64 = 50
    /// How long one may wait for its turn.
    static let turnTimeout: TimeAmount = .seconds(5)
    static let connectTimeout: TimeAmount = .seconds(2)
}
