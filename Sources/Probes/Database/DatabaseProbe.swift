import ClusterCore
import Foundation
import MariaDBClient

/// Asks a MariaDB server how it is. The statements here do not wait while commits wait for their quorum, when much else does
/// (FACTS 1.9).
public enum DatabaseProbe {
    /// Two statements, a fraction of a millisecond on a healthy server. Blocks: call it from a runner's thread.
    public static func observe(_ session: SQLSession) throws(SQLError) -> DatabaseObservation {
        let variables = try Answer(
            session.query(
                """
                SELECT @@version AS version, @@server_id AS server_id, @@read_only AS read_only, \
                @@gtid_slave_pos AS gtid_slave_pos, @@gtid_binlog_pos AS gtid_binlog_pos, \
                @@gtid_binlog_state AS gtid_binlog_state, @@rpl_semi_sync_master_enabled AS semi_sync_enabled
                """
            ).dictionaries.first ?? [:])
        let status = try Answer(
            status(session, "WHERE Variable_name LIKE 'Rpl_semi_sync_master_%' OR Variable_name = 'Uptime'"))
        let version = try variables.text("version")
        return DatabaseObservation(
            version: ServerVersion(version), versionText: version, serverID: try variables.number("server_id"),
            threadID: session.threadID, isReadOnly: try variables.flag("read_only"),
            uptimeSeconds: try status.number("Uptime"),
            slavePosition: try variables.parsed("gtid_slave_pos") { GTIDPosition($0) },
            binlogPosition: try variables.parsed("gtid_binlog_pos") { GTIDPosition($0) },
            binlogState: try variables.parsed("gtid_binlog_state") { GTIDState($0) },
            semiSync: DatabaseObservation.SemiSync(
                isEnabled: try variables.flag("semi_sync_enabled"),
                isHolding: try status.flag("Rpl_semi_sync_master_status"),
                clients: try status.number("Rpl_semi_sync_master_clients"),
                waitingSessions: try status.number("Rpl_semi_sync_master_wait_sessions"),
                unacknowledged: try status.number("Rpl_semi_sync_master_no_tx"),
                acknowledged: try status.number("Rpl_semi_sync_master_yes_tx")))
    }

    /// The same through a runner, whose deadline bounds it.
    public static func observe(
        _ runner: SQLRunner, deadline: Duration? = nil
    ) async throws(SQLError) -> DatabaseObservation {
        try await runner.run(deadline: deadline) { session throws(SQLError) in try observe(session) }
    }

    /// All replica channels. Waits for a STOP SLAVE under way.
    public static func replicaChannels(_ session: SQLSession) throws(SQLError) -> [ReplicaChannel] {
        try session.query("SHOW ALL SLAVES STATUS").dictionaries.map { ReplicaChannel($0) }
    }

    /// Application tables that another engine than InnoDB keeps: their rows are not held back until the quorum, nor undone
    /// after a crash. Opens every table's definition, so ask seldom, and not while commits wait.
    public static func nonTransactionalTables(
        _ session: SQLSession, limit: Int = 100
    ) throws(SQLError) -> [ForeignTable] {
        try session.query(
            """
            SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE FROM information_schema.TABLES \
            WHERE TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE') AND ENGINE <> 'InnoDB' AND TABLE_SCHEMA NOT IN \
            ('mysql', 'sys', 'performance_schema', 'information_schema') LIMIT \(limit)
            """
        ).rows.map { ForeignTable(schema: $0[0] ?? "", name: $0[1] ?? "", engine: $0[2] ?? "") }
    }

    /// Whether the session's account may write while `read_only` is on. The account of application writes must not: its
    /// write would slip through a demotion.
    public static func bypassesReadOnly(_ session: SQLSession) throws(SQLError) -> Bool {
        let bypassing: Set<String> = ["ALL PRIVILEGES", "READ ONLY ADMIN", "READ_ONLY ADMIN", "SUPER"]
        for grant in try session.query("SHOW GRANTS").rows.compactMap({ $0.first ?? nil }) {
            guard grant.hasPrefix("GRANT "), let scope = grant.range(of: " ON *.* TO ") else { continue }
            let privileges = grant[..<scope.lowerBound].dropFirst("GRANT ".count).split(separator: ",")
            if privileges.contains(where: { bypassing.contains(String($0.drop { $0 == " " })) }) { return true }
        }
        return false
    }

    /// Global variables by name; those the server does not have are missing.
    public static func variables(
        _ session: SQLSession, _ names: some Sequence<String>
    ) throws(SQLError) -> [String: String] {
        var quoted: [String] = []
        for name in names { quoted.append("'\(try session.escape(name))'") }
        let rows = try session.query(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN (\(quoted.joined(separator: ", ")))"
        ).rows
        return pairs(rows)
    }

    private static func status(_ session: SQLSession, _ condition: String) throws(SQLError) -> [String: String] {
        pairs(try session.query("SHOW GLOBAL STATUS \(condition)").rows)
    }

    private static func pairs(_ rows: [[String?]]) -> [String: String] {
        var pairs: [String: String] = [:]
        for row in rows where row.count >= 2 { if let name = row[0] { pairs[name] = row[1] } }
        return pairs
    }
}

/// A table outside InnoDB.
public struct ForeignTable: Sendable, Hashable, CustomStringConvertible {
    public var schema: String
    public var name: String
    public var engine: String

    public var description: String { "\(schema).\(name) (\(engine))" }
}

/// Values by name, with an error that says which one is not as expected.
private struct Answer {
    private let values: [String: String]

    init(_ values: [String: String]) { self.values = values }

    func text(_ name: String) throws(SQLError) -> String {
        guard let value = values[name] else {
            throw SQLError(kind: .client, message: "the server does not give \(name)")
        }
        return value
    }

    func parsed<Value>(_ name: String, _ parse: (String) -> Value?) throws(SQLError) -> Value {
        let text = try text(name)
        guard let value = parse(text) else {
            throw SQLError(kind: .client, message: "the server gives '\(text)' for \(name)")
        }
        return value
    }

    func number<Number: FixedWidthInteger>(_ name: String) throws(SQLError) -> Number {
        try parsed(name) { Number($0) }
    }

    func flag(_ name: String) throws(SQLError) -> Bool {
        try parsed(name) { text in
            switch text.uppercased() {
            case "ON", "1", "YES": true
            case "OFF", "0", "NO": false
            default: nil
            }
        }
    }
}
