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
    /// All four lines, keepalives and headers included, since this node dials the peer.
    public var bytesIn: UInt64
    public var bytesOut: UInt64
    /// Handed over and not yet taken by the socket.
    public var bulkQueuedBytes: Int
    public var droppedControlFrames: UInt64
    /// Why a line is not up, if one is not.
    public var lastFailure: String?

    init(_ link: PeerLink, incomingControl: PeerConnection?, incomingBulk: PeerConnection?) {
        address = link.address
        controlConnected = link.controlLine != nil
        bulkConnected = link.bulkLine != nil
        incomingControlConnected = incomingControl != nil
        incomingBulkConnected = incomingBulk != nil
        connectedSince = link.connectedSince
        roundTrip = link.controlLine?.roundTrip?.duration
        bytesIn = link.bytesIn + (incomingControl?.bytesIn ?? 0) + (incomingBulk?.bytesIn ?? 0)
        bytesOut = link.bytesOut + (incomingControl?.bytesOut ?? 0) + (incomingBulk?.bytesOut ?? 0)
        bulkQueuedBytes = link.bulkLine.map { $0.unsentBytes } ?? 0
        droppedControlFrames = link.droppedControlFrames
        lastFailure = link.lastFailure
    }
}
