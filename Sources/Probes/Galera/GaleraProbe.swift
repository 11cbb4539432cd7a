import ClusterCore
import MariaDBClient

/// Asks a Galera node how it is, by plain SQL that also a node outside the primary component answers.
public enum GaleraProbe {
    /// For sessions that probe: a node that is not ready answers all the same, and no read waits for the cluster.
    public static let initStatements = ["SET SESSION wsrep_dirty_reads=ON, wsrep_sync_wait=0, lock_wait_timeout=2"]

    private static let variables = """
        SELECT @@version AS version, @@server_id AS server_id, @@read_only AS read_only, \
        @@gtid_slave_pos AS gtid_slave_pos, @@gtid_binlog_pos AS gtid_binlog_pos, \
        @@gtid_binlog_state AS gtid_binlog_state, @@wsrep_on AS wsrep_on, @@wsrep_desync AS wsrep_desync, \
        @@wsrep_reject_queries AS wsrep_reject_queries, @@wsrep_gtid_domain_id AS wsrep_gtid_domain_id, \
        @@wsrep_sst_donor_rejects_queries AS wsrep_sst_donor_rejects_queries, @@wsrep_node_name AS wsrep_node_name
        """
    private static let status = """
        SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_local_state', \
        'wsrep_local_state_comment', 'wsrep_ready', 'wsrep_connected', 'wsrep_cluster_state_uuid', \
        'wsrep_cluster_conf_id', 'wsrep_cluster_size', 'wsrep_gcomm_uuid', 'wsrep_local_recv_queue', \
        'wsrep_flow_control_paused_ns', 'wsrep_last_committed', 'wsrep_local_cert_failures')
        """

    /// Four statements. Blocks: call it from a runner's thread.
    /// - Parameter channel: the name of the bridge's replica channel.
    public static func observe(_ session: SQLSession, channel: String) throws(SQLError) -> GaleraObservation {
        let variables = Answer(try session.query(Self.variables).dictionaries.first ?? [:])
        var pairs: [String: String] = [:]
        for row in try session.query(Self.status).rows where row.count >= 2 {
            if let name = row[0] { pairs[name] = row[1] }
        }
        let status = Answer(pairs)
        guard variables.flag("wsrep_on") else {
            throw SQLError(kind: .client, message: "this server is no Galera node (wsrep_on is OFF)")
        }
        let channels = try session.query("SHOW ALL SLAVES STATUS").dictionaries.map { ReplicaChannel($0) }
        return GaleraObservation(
            isPrimaryComponent: status.text("wsrep_cluster_status") == "Primary",
            clusterStatus: status.text("wsrep_cluster_status"), localState: status.number("wsrep_local_state"),
            localStateComment: status.text("wsrep_local_state_comment"), isReady: status.flag("wsrep_ready"),
            isConnected: status.flag("wsrep_connected"), isDesynced: variables.flag("wsrep_desync"),
            rejectsQueries: variables.text("wsrep_reject_queries"),
            donorRejectsQueries: variables.flag("wsrep_sst_donor_rejects_queries"),
            stateID: status.text("wsrep_cluster_state_uuid"), confID: status.number("wsrep_cluster_conf_id"),
            clusterSize: status.number("wsrep_cluster_size"), nodeID: status.text("wsrep_gcomm_uuid"),
            nodeName: variables.text("wsrep_node_name"), members: try members(session),
            receiveQueue: status.number("wsrep_local_recv_queue"),
            flowControlPausedNs: status.number("wsrep_flow_control_paused_ns"),
            lastCommitted: status.number("wsrep_last_committed"),
            certificationFailures: status.number("wsrep_local_cert_failures"),
            serverID: variables.number("server_id"), domain: variables.number("wsrep_gtid_domain_id"),
            slavePosition: try variables.parsed("gtid_slave_pos") { GTIDPosition($0) },
            binlogPosition: try variables.parsed("gtid_binlog_pos") { GTIDPosition($0) },
            binlogState: try variables.parsed("gtid_binlog_state") { GTIDState($0) },
            isReadOnly: variables.flag("read_only"), channel: channels.first { $0.name == channel },
            versionText: variables.text("version"))
    }

    /// Waits until the node has applied all that the cluster had certified when this began, then looks.
    public static func observeInSync(_ session: SQLSession, channel: String) throws(SQLError) -> GaleraObservation {
        try session.query("SET SESSION wsrep_sync_wait=1")
        try session.query("SELECT COUNT(*) FROM mysql.gtid_slave_pos")
        try session.query("SET SESSION wsrep_sync_wait=0")
        return try observe(session, channel: channel)
    }

    /// The table is not to be read while a node takes its state from another.
    private static func members(_ session: SQLSession) throws(SQLError) -> Set<String>? {
        do throws(SQLError) {
            return Set(try session.query("SELECT node_uuid FROM mysql.wsrep_cluster_members").rows.compactMap { $0[0] })
        } catch {
            if error.kind == .server { return nil }
            throw error
        }
    }
}

/// Values by name. A node that is just starting does not have them all, so a missing one is empty or 0.
private struct Answer {
    private let values: [String: String]

    init(_ values: [String: String]) { self.values = values }

    func text(_ name: String) -> String { values[name] ?? "" }
    func number<Number: FixedWidthInteger>(_ name: String) -> Number { values[name].flatMap { Number($0) } ?? 0 }
    func flag(_ name: String) -> Bool { ["ON", "1", "YES"].contains(text(name).uppercased()) }

    func parsed<Value>(_ name: String, _ parse: (String) -> Value?) throws(SQLError) -> Value {
        let text = text(name)
        guard let value = parse(text) else {
            throw SQLError(kind: .client, message: "the server gives '\(text)' for \(name)")
        }
        return value
    }
}
