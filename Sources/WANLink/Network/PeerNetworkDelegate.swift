import ClusterCore
import NIOCore

/// What a ``PeerNetwork`` tells its owner. Every call comes on the network's event loop.
///
/// The network keeps its delegate until ``PeerNetwork/close()`` is done.
public protocol PeerNetworkDelegate: AnyObject, Sendable {
    func peerNetwork(_ network: PeerNetwork, control payload: ByteBuffer, from peer: NodeNumber)

    /// `payload` is a slice of the read buffer where it came in one read; copy it to keep a little of it for long.
    func peerNetwork(_ network: PeerNetwork, bulk payload: ByteBuffer, from peer: NodeNumber)

    /// Both lines to the peer, control and bulk, are up.
    func peerNetwork(_ network: PeerNetwork, connected peer: NodeNumber)

    /// One of the two lines to a connected peer is gone: what was handed over and not acknowledged by the peer may be
    /// lost. Control payloads still go through when it was only the bulk line.
    func peerNetwork(_ network: PeerNetwork, disconnected peer: NodeNumber, reason: String)

    /// More than half of the peer's bulk queue is free again; also called when its bulk line comes up.
    func peerNetwork(_ network: PeerNetwork, bulkWritable peer: NodeNumber)

    /// Whether a caller of this cluster may connect for control or bulk. Its cluster id and its idea of who this node
    /// is have been checked; its number and id are as it says.
    ///
    /// - Returns: nil for welcome, else the reason for refusal, which both sides log.
    func peerNetwork(_ network: PeerNetwork, authorize hello: PeerHello) -> String?

    /// The `node.id` of a member, if it is known: the node that answers there must show a certificate of that name.
    func peerNetwork(_ network: PeerNetwork, idOf peer: NodeNumber) -> String?

    /// Where a member's clients find this node's database. The caller has been authorized before.
    func peerNetwork(_ network: PeerNetwork, databaseFor hello: PeerHello) -> TunnelTarget

    /// A request from a node that need not belong to the cluster. A failure's description is sent as the refusal.
    ///
    /// - Parameter hello: who asks. Number and id are as it says; with TLS its ``PeerHello/certificate`` is verified, and
    ///   nil for a caller that has none yet.
    func peerNetwork(_ network: PeerNetwork, request: ByteBuffer, from hello: PeerHello) -> EventLoopFuture<ByteBuffer>
}

/// What a member that asks for this node's database gets.
public enum TunnelTarget: Sendable, Equatable {
    case database(PeerAddress)
    /// With the reason, which both sides log.
    case refused(String)
}

extension PeerNetworkDelegate {
    public func peerNetwork(_ network: PeerNetwork, databaseFor hello: PeerHello) -> TunnelTarget {
        .refused("this node lends nobody its database")
    }
}
