import ClusterCore
import Logging
import Probes

/// Writes that the bridge does not carry, said before they do harm.
extension BridgeDriver {
    /// - Parameters:
    ///   - own: the last transaction of this cluster's own domain that the best node holds.
    ///   - logged: the end of the committed log.
    func noteStray(_ own: GTID?, logged: GTIDPosition) {
        guard case .following(.running) = bridge.state, let own else { return strayWrite = nil }
        if logged.covers(own) || consensus.raft.membership.galeraKnown.position.covers(own) { return strayWrite = nil }
        if strayWrite == own { return }
        strayWrite = own
        logger.error("this cluster writes by itself although it is fed", metadata: ["gtid": "\(own)"])
        delegate?.bridgeRecorded("stray", "this cluster wrote \(own) itself although it is fed")
    }

    /// What only some of the nodes hold, in domains that are no cluster's. (A domain from before Galera is on all of them.)
    var errantWarnings: [String] {
        let clusters = otherDomains.union(identity.map { [$0.domain] } ?? [])
        let nodes = site.endpoints.filter(\.isReachable).compactMap { endpoint in
            endpoint.observation.map { (endpoint.name, $0.binlogState.position) }
        }
        return nodes.flatMap { name, position in
            position.gtids.filter { gtid in
                !clusters.contains(gtid.domain) && nodes.contains { $0.1[gtid.domain] == nil }
            }.map {
                "\(name) has transactions of its own, through \($0), that the rest of its cluster has not (non-InnoDB tables or RSU): they "
                    + "are not shipped; do the same at the other site by hand"
            }
        }
    }
}
