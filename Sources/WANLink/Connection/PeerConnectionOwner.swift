/// What a connection tells its owner, all on the loop.
protocol PeerConnectionOwner: AnyObject {
    /// A hello came in: welcome it or not.
    func connection(_ connection: PeerConnection, judge hello: PeerHello) -> Introduction.Verdict
    /// A welcome came in: what is wrong with it, if anything is.
    func connection(_ connection: PeerConnection, judge welcome: Welcome) -> String?
    /// The handshake is done on either side; for an accepted connection ``PeerConnection/hello`` says whose it is.
    func connectionEstablished(_ connection: PeerConnection)
    /// A control, bulk, request or response frame.
    func connection(_ connection: PeerConnection, received frame: Frame)
    /// Unsent bytes have fallen to half the queue's bound.
    func connectionWritable(_ connection: PeerConnection)
    /// Called once, at the end, whatever the reason, if the channel ever was active.
    func connectionClosed(_ connection: PeerConnection, reason: String)
}
