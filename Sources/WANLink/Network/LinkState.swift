import NIOCore

/// How the lines to and from one peer are doing.
public struct LinkState: Sendable, Equatable {
    /// Where the peer is dialled, `host:port`.
    public var address: String
    /// The lines that this node dialled, on which it sends.
    public var controlConnected: Bool
    public var bulkConnected: Bool
    /// The lines that the peer dialled, on which this node receives.
    public var incomingControlConnected: Bool
    public var incomingBulkConnected: Bool
    /// Since when both dialled lines are up.
    public var connectedSince: NIODeadline?
    /// Smoothed, of the control line; nil before the first pong.
    public var roundTrip: Duration?
    /// All lines, keepalives and headers included, since this node dials the peer.
    public var bytesIn: UInt64
    public var bytesOut: UInt64
    /// Handed over and not yet taken by the sockets.
    public var bulkQueuedBytes: Int
    /// What the peer lets this node send before it has digested more.
    public var bulkCreditBytes: Int
    /// Why the peer takes nothing at all for now; empty when nothing stands in the way.
    public var peerObstacle: String
    /// Bulk sent, before and after the link's compression.
    public var bulk: BulkCounters
    /// The level of zstd in use; nil when bulk goes as it was handed over.
    public var compressionLevel: Int?
    /// Of the first bulk stream.
    public var congestion: Congestion?
    /// How many bulk connections there are.
    public var streams: Int
    /// How often the link came up.
    public var connections: Int
    public var droppedControlFrames: UInt64
    /// Why a line is not up, if one is not.
    public var lastFailure: String?

    init(_ link: PeerLink, incomingControl: PeerConnection?, incomingBulk: BulkReceiver?) {
        let incoming = (incomingControl.map { [$0] } ?? []) + (incomingBulk?.lines ?? [])
        address = link.address
        controlConnected = link.controlLine != nil
        bulkConnected = link.isBulkUp
        incomingControlConnected = incomingControl != nil
        incomingBulkConnected = incomingBulk?.isConnected ?? false
        connectedSince = link.connectedSince
        roundTrip = link.controlLine?.roundTrip?.duration
        bytesIn = incoming.reduce(link.bytesIn) { $0 + $1.bytesIn }
        bytesOut = incoming.reduce(link.bytesOut) { $0 + $1.bytesOut }
        bulkQueuedBytes = link.bulk?.pendingBytes ?? 0
        bulkCreditBytes = link.bulk?.credit.bytesLeft ?? 0
        peerObstacle = link.bulk?.credit.obstacle ?? ""
        bulk = link.bulk?.counters ?? BulkCounters()
        compressionLevel = link.bulk?.compressionLevel
        congestion = link.bulkLines.first?.congestion
        streams = link.bulkLines.count
        connections = link.connections
        droppedControlFrames = link.droppedControlFrames
        lastFailure = link.lastFailure
    }
}
