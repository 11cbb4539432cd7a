/// What a server is used for decides what it needs.
public enum RequirementProfile: Sendable, Hashable {
    /// A member that may become primary with held commits (`replication.mode = quorum`). `serverID` nil: not looked at.
    case quorum(serverID: UInt32?)
    /// A standalone server that feeds, or is fed by, an asynchronous log.
    case asynchronous(serverID: UInt32)
    /// A Galera node that feeds a bridge or is fed by one.
    case galera

    struct Setting {
        let variable: String
        let wanted: String
        /// Other values that serve as well, in upper case.
        var alsoGood: Set<String> = []
        var weight = Requirement.Weight.required
        let reason: String
    }

    var needsTruncation: Bool {
        switch self {
        case .quorum: true
        case .asynchronous, .galera: false
        }
    }

    var settings: [Setting] {
        switch self {
        case .quorum(let id):
            Self.binlog + [Self.strictGTID] + (id.map { [Self.serverID($0)] } ?? []) + Self.heldCommits
                + Self.durability
        case .asynchronous(let id): Self.binlog + [Self.strictGTID, Self.serverID(id)] + Self.durability
        case .galera: Self.binlog + Self.wsrep
        }
    }

    private static let binlog = [
        Setting(variable: "log_bin", wanted: "ON", reason: "the replicated log is made of the binlog"),
        Setting(
            variable: "binlog_format", wanted: "ROW",
            reason: "statements with NOW(), UUID() or triggers do not give the same rows everywhere"),
        Setting(
            variable: "log_slave_updates", wanted: "ON",
            reason: "without it a server that has applied the log cannot be compared with it or take over"),
        Setting(
            variable: "binlog_checksum", wanted: "CRC32", reason: "a damaged event must not become part of the log"),
        Setting(
            variable: "binlog_row_image", wanted: "FULL", alsoGood: ["NOBLOB"], weight: .advised,
            reason: "rows that were lost to a failover can be exported in full only when the binlog has them in full"),
    ]

    private static let strictGTID = Setting(
        variable: "gtid_strict_mode", wanted: "ON",
        reason: "it is the last defence against a transaction out of its order")

    private static func serverID(_ id: UInt32) -> Setting {
        Setting(variable: "server_id", wanted: String(id), reason: "it must be the member's number in the cluster")
    }

    private static let heldCommits = [
        Setting(
            variable: "rpl_semi_sync_master_wait_point", wanted: "AFTER_SYNC",
            reason: "otherwise others see a row before a majority has it"),
        Setting(
            variable: "rpl_semi_sync_master_timeout", wanted: "18446744073709551615",
            reason: "a timeout switches the guarantee off without a word"),
        Setting(
            variable: "rpl_semi_sync_master_wait_no_slave", wanted: "ON",
            reason: "commits must wait also while the agent is away"),
        Setting(
            variable: "rpl_semi_sync_slave_enabled", wanted: "ON",
            reason: "a server takes its own lost transactions back only over a semi-synchronous channel"),
    ]

    private static let durability = [
        Setting(
            variable: "sync_binlog", wanted: "1",
            reason: "a power loss may otherwise take confirmed transactions out of the binlog"),
        Setting(
            variable: "innodb_flush_log_at_trx_commit", wanted: "1",
            reason: "a power loss may otherwise take confirmed transactions out of the tables"),
    ]

    private static let wsrep = [
        Setting(variable: "wsrep_on", wanted: "ON", reason: "the node is not part of a Galera cluster"),
        Setting(
            variable: "wsrep_gtid_mode", wanted: "ON",
            reason: "the feed moves from node to node by GTID, so all nodes must give a transaction the same one"),
        Setting(
            variable: "wsrep_mode", wanted: "DISALLOW_LOCAL_GTID", weight: .advised,
            reason: "writes to tables outside InnoDB get GTIDs that only one node knows"),
    ]
}
