import ClusterCore
import WriteAheadLog

/// Members for which the log begins too late: `wal.max_size_mb` made it give up entries that they still needed.
extension Node {
    /// As this node knows it, if it leads.
    var leftBehind: [NodeNumber] {
        guard consensus.raft.role == .leader else { return [] }
        return consensus.raft.peers.filter { $0.state == .needsProvision }.map(\.peer)
    }

    /// Whether the leader says so of this node.
    var isLeftBehind: Bool {
        guard let leader = consensus.raft.leader, let report = reports[leader] else { return false }
        return report.content.leftBehind?.contains(identity.number) ?? false
    }

    var leftBehindWarnings: [String] {
        let known = isLeftBehind ? [identity.number] : leftBehind
        return known.compactMap { consensus.raft.membership[$0]?.id }.map { id in
            "\(id) needs entries that the log no longer has (wal.max_size_mb), so it needs a fresh copy of the data: "
                + "`wolfscale members remove \(id)`, then as in docs/OPERATIONS.md, \"A member left behind\""
        }
    }
}
