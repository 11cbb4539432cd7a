import ClusterCore
import Gateway
import WriteAheadLog

extension Node {
    /// What a standalone proxy is told; nil on a bridge, whose clusters have their own ways.
    var route: NodeRoute? {
        guard bridge == nil else { return nil }
        let raft = consensus.raft
        let state = driver?.tenure.state.name ?? "none"
        let isPrimary = state == "primary" && raft.role == .leader
        let lease = isPrimary ? raft.leaderKnownUntil.map { $0.duration(since: Consensus.now) } ?? .zero : .zero
        let leader = raft.leader.flatMap { raft.membership[$0]?.id }
        return NodeRoute(
            clusterID: identity.clusterID, number: identity.number, node: raft.membership[identity.number]?.id,
            term: raft.term,
            // One that has lost its leadership is none any more, whatever its database still is.
            database: state == "primary" && !isPrimary ? "fencing" : state,
            address: driver == nil ? nil : configuration.advertisedSQL, lagSeconds: lagSeconds,
            leaseMS: UInt64(min(max(lease, .zero), .seconds(3_600)) / .milliseconds(1)),
            reason: isPrimary
                ? "" : leader.map { "\($0) leads, and its database is not writable yet" } ?? "no member is leader",
            members: raft.membership.members.map(\.api).filter { !$0.isEmpty })
    }
}
