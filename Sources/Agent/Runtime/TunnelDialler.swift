import ClusterCore
import Gateway
import NIOCore
import WANLink
import WriteAheadLog

/// Reaches other members' databases through their agents, and all others directly.
struct TunnelDialler: BackendDialler {
    let network: PeerNetwork
    private let direct = DirectDialler()

    init(network: PeerNetwork) { self.network = network }

    func connect(
        to address: BackendAddress, on eventLoop: any EventLoop,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        guard case .member(let number) = address, let member = NodeNumber(rawValue: number) else {
            return direct.connect(to: address, on: eventLoop, initializer: initializer)
        }
        return network.openTunnel(to: member, on: eventLoop, initializer: initializer) { channel, seen in
            channel.pipeline.fireUserInboundEventTriggered(DatabaseSees(address: seen))
        }
    }
}

extension Node {
    nonisolated func peerNetwork(_ network: PeerNetwork, databaseFor hello: PeerHello) -> TunnelTarget {
        NodeLoop.assumeIsolated {
            guard configuration.proxy.tunnel else {
                return .refused("proxy.tunnel is off at \(identity.nodeID); set it on all members")
            }
            // A node that has just joined lets members' lines in before it knows who they are; its database has time.
            guard let number = hello.number, consensus.raft.membership[number] != nil else {
                return .refused("\(identity.nodeID) does not know \(hello.id) as a member")
            }
            guard driver != nil else { return .refused("\(identity.nodeID) has no database of its own") }
            return .database(configuration.localSQL)
        }
    }
}
