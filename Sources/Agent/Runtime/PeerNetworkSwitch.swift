import ClusterCore
import NIOCore
import WANLink

/// Stands in for the node while it is being made: the listener must be bound before a node that joins knows who it is.
final class PeerNetworkSwitch: PeerNetworkDelegate {
    @NodeLoop private var node: Node?

    init() {}

    @NodeLoop func set(_ node: Node) { self.node = node }

    func peerNetwork(_ network: PeerNetwork, control payload: ByteBuffer, from peer: NodeNumber) {
        NodeLoop.assumeIsolated { node?.peerNetwork(network, control: payload, from: peer) }
    }

    func peerNetwork(_ network: PeerNetwork, bulk payload: ByteBuffer, from peer: NodeNumber) {
        NodeLoop.assumeIsolated { node?.peerNetwork(network, bulk: payload, from: peer) }
    }

    func peerNetwork(_ network: PeerNetwork, connected peer: NodeNumber) {
        NodeLoop.assumeIsolated { node?.peerNetwork(network, connected: peer) }
    }

    func peerNetwork(_ network: PeerNetwork, disconnected peer: NodeNumber, reason: String) {
        NodeLoop.assumeIsolated { node?.peerNetwork(network, disconnected: peer, reason: reason) }
    }

    func peerNetwork(_ network: PeerNetwork, bulkWritable peer: NodeNumber) {
        NodeLoop.assumeIsolated { node?.peerNetwork(network, bulkWritable: peer) }
    }

    func peerNetwork(_ network: PeerNetwork, authorize hello: PeerHello) -> String? {
        NodeLoop.assumeIsolated {
            node.map { $0.peerNetwork(network, authorize: hello) } ?? "this node is still starting"
        }
    }

    func peerNetwork(_ network: PeerNetwork, idOf peer: NodeNumber) -> String? {
        NodeLoop.assumeIsolated { node?.peerNetwork(network, idOf: peer) }
    }

    func peerNetwork(_ network: PeerNetwork, databaseFor hello: PeerHello) -> TunnelTarget {
        NodeLoop.assumeIsolated {
            node?.peerNetwork(network, databaseFor: hello) ?? .refused("this node is still starting")
        }
    }

    func peerNetwork(_ network: PeerNetwork, request: ByteBuffer, from hello: PeerHello) -> EventLoopFuture<ByteBuffer>
    {
        NodeLoop.assumeIsolated {
            node?.peerNetwork(network, request: request, from: hello)
                ?? network.eventLoop.makeFailedFuture(AgentError("this node is still starting"))
        }
    }
}
