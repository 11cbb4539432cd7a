import ClusterCore

/// What a Galera node says of itself and of its cluster at one moment.
public struct GaleraObservation: Sendable, Hashable {
    /// `wsrep_cluster_status` is Primary: it is in the component that may commit.
    public var isPrimaryComponent: Bool
    /// `wsrep_cluster_status` as it is.
    public var clusterStatus: String
    /// `wsrep_local_state`: 1 Joining, 2 Donor/Desynced, 3 Joined, 4 Synced.
    public var localState: Int
    public var localStateComment: String
    public var isReady: Bool
    public var isConnected: Bool
    /// `wsrep_desync`: an administrator took it out of flow control.
    public var isDesynced: Bool
    /// `wsrep_reject_queries`: NONE, ALL or ALL_KILL.
    public var rejectsQueries: String
    public var donorRejectsQueries: Bool
    /// `wsrep_cluster_state_uuid`
    public var stateID: String
    /// `wsrep_cluster_conf_id`: rises with each change of the membership.
    public var confID: UInt64
    public var clusterSize: Int
    /// `wsrep_gcomm_uuid`: this node among ``members``.
    public var nodeID: String
    public var nodeName: String
    /// `mysql.wsrep_cluster_members`; nil while the node doesn't let it be read.
    public var members: Set<String>?
    public var receiveQueue: Int
    /// `wsrep_flow_control_paused_ns`: grows while writes are held back.
    public var flowControlPausedNs: UInt64
    /// `wsrep_last_committed`
    public var lastCommitted: UInt64
    public var certificationFailures: UInt64
    public var serverID: UInt32
    /// `wsrep_gtid_domain_id`
    public var domain: UInt32
    public var slavePosition: GTIDPosition
    public var binlogPosition: GTIDPosition
    public var binlogState: GTIDState
    public var isReadOnly: Bool
    /// The channel of the bridge; nil when this node has none.
    public var channel: ReplicaChannel?
    public var versionText: String

    /// All that is in the binlog or was applied.
    public var position: GTIDPosition {
        var position = slavePosition
        position.advance(to: binlogPosition)
        position.advance(to: binlogState.position)
        return position
    }
}
