import ClusterCore

/// What a MariaDB server says of itself at one moment.
public struct DatabaseObservation: Sendable, Hashable {
    /// The primary's side of semi-synchronous replication.
    public struct SemiSync: Sendable, Hashable {
        /// `rpl_semi_sync_master_enabled`
        public var isEnabled: Bool
        /// `Rpl_semi_sync_master_status`: commits are being held now.
        public var isHolding: Bool
        /// Semi-synchronous dump connections.
        public var clients: Int
        /// Sessions whose commit waits for its ACK. While there is one, the server may not be stopped politely (FACTS 1.6).
        public var waitingSessions: Int
        /// Commits that went through without an ACK since the server started. Any rise is an alarm.
        public var unacknowledged: UInt64
        public var acknowledged: UInt64
    }

    public var version: ServerVersion?
    public var versionText: String
    public var serverID: UInt32
    public var threadID: UInt
    public var isReadOnly: Bool
    public var uptimeSeconds: UInt64
    /// `@@gtid_slave_pos`: what the replica channels have applied.
    public var slavePosition: GTIDPosition
    /// `@@gtid_binlog_pos`: the last of each domain in the server's own binlog, waiting commits included.
    public var binlogPosition: GTIDPosition
    /// `@@gtid_binlog_state`
    public var binlogState: GTIDState
    public var semiSync: SemiSync

    /// All that is in the binlog or was applied.
    public var position: GTIDPosition {
        var position = slavePosition
        position.advance(to: binlogPosition)
        return position
    }
}
