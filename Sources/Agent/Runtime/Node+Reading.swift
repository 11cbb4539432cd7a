import ClusterCore
import Gateway
import Probes

extension Node {
    /// From where `POST /query` can read.
    struct Reading: Sendable {
        var isReadable: Bool
        var leads: Bool
        /// Of the leader, if that is another node.
        var leaderAPI: String?
        var reason: String
    }

    var reading: Reading {
        let raft = consensus.raft
        if bridge != nil {
            return Reading(
                isReadable: false, leads: false,
                reason: "This node bridges a Galera cluster; read from the cluster itself.")
        }
        switch writeTarget {
        case .here: return Reading(isReadable: true, leads: true, reason: "")
        case .leader(let api): return Reading(isReadable: isReadableReplica, leads: false, leaderAPI: api, reason: "")
        case .nobody(let reason):
            let isLeading = raft.role == .leader
            return Reading(isReadable: !isLeading && isReadableReplica, leads: false, reason: reason)
        }
    }

    /// A replica that is running, and not too far behind. Without a leader nobody knows how far that is, so with a bound none is read.
    private var isReadableReplica: Bool {
        guard case .replica = driver?.tenure.state else { return false }
        let bound = configuration.proxy.maxStalenessSeconds
        guard bound > 0 else { return true }
        guard consensus.raft.leader != nil else { return false }
        return (driver?.monitor?.channel?.secondsBehind ?? 0) <= bound
    }

    /// Whether this node leads and no other can have become leader by now.
    var holdsLease: Bool {
        guard consensus.raft.role == .leader, let until = consensus.raft.leaderKnownUntil else { return false }
        return Consensus.now < until
    }
}
