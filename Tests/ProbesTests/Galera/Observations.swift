import ClusterCore

@testable import Probes

/// A node as it should be, to be spoilt by tests.
func healthyNode(
    _ change: (inout GaleraObservation) -> Void = { _ in }
) -> GaleraObservation {
    var seen = GaleraObservation(
        isPrimaryComponent: true, clusterStatus: "Primary", localState: 4, localStateComment: "Synced", isReady: true,
        isConnected: true, isDesynced: false, rejectsQueries: "NONE", donorRejectsQueries: false, stateID: "cluster-a",
        confID: 7, clusterSize: 3, nodeID: "node-1", nodeName: "a1", members: ["node-1", "node-2", "node-3"],
        receiveQueue: 0, flowControlPausedNs: 0, lastCommitted: 100, certificationFailures: 0, serverID: 101, domain: 1,
        slavePosition: GTIDPosition(), binlogPosition: GTIDPosition(), binlogState: GTIDState(), isReadOnly: false,
        channel: nil, versionText: "10.11.19-MariaDB")
    change(&seen)
    return seen
}

let siteA = GaleraIdentity(stateID: "cluster-a", domain: 1, baseline: "")
