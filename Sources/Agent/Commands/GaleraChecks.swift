import ClusterCore
import Foundation
import MariaDBClient
import Probes

/// Whether the Galera nodes are set as a bridge needs them; each finding has the line that mends it. Changes nothing.
struct GaleraChecks {
    let configuration: Configuration
    /// Of a running agent, which says it elsewhere, not.
    let namesUnreachable: Bool

    init(_ configuration: Configuration, namesUnreachable: Bool = true) {
        self.configuration = configuration
        self.namesUnreachable = namesUnreachable
    }

    private static let names = [
        "log_bin", "binlog_format", "log_slave_updates", "wsrep_on", "wsrep_gtid_mode", "wsrep_gtid_domain_id",
        "gtid_domain_id", "server_id", "wsrep_mode", "binlog_row_image", "binlog_checksum", "gtid_strict_mode",
        "slave_parallel_threads", "wsrep_cluster_name",
    ]

    func run() -> [Check] {
        guard configuration.replication.mode == .async, configuration.node.role.hasDatabase else { return [] }
        let login: SQLLogin
        do { login = try BridgeAssembly.login(configuration) } catch { return [Check("galera", .failed, "\(error)")] }
        var checks: [Check] = []
        var seen: [(name: String, variables: [String: String])] = []
        for endpoint in configuration.galera.endpoints {
            let name = "\(endpoint.host):\(endpoint.port)"
            do {
                let session = try SQLSession(
                    login.configuration(
                        host: endpoint.host, port: endpoint.port, initStatements: GaleraProbe.initStatements))
                defer { session.close() }
                let variables = try DatabaseProbe.variables(session, Self.names)
                checks += node(name, variables)
                if seen.isEmpty { checks += try tables(session) }
                seen.append((name, variables))
            } catch {
                guard namesUnreachable else { continue }
                checks.append(
                    Check(
                        "galera", .failed, "\(name) can't be asked: \(error); check galera.endpoint and database.user"))
            }
        }
        return checks + between(seen)
    }

    private func node(_ name: String, _ found: [String: String]) -> [Check] {
        let wanted: [(variable: String, value: String, needed: Bool, why: String)] = [
            ("wsrep_on", "ON", true, "it is no Galera node"),
            ("log_bin", "ON", true, "the bridge reads the binlog"),
            ("binlog_format", "ROW", true, "Galera and the bridge need rows"),
            ("log_slave_updates", "ON", true, "each node's binlog must hold what the others wrote"),
            ("wsrep_gtid_mode", "ON", true, "a transaction must have the same GTID on every node"),
            ("binlog_checksum", "CRC32", true, "events are checked on the way"),
            ("binlog_row_image", "FULL", false, "rows without a key can't be found otherwise"),
            (
                "gtid_strict_mode", "OFF", false,
                "with parallel appliers and schema changes it can dead-lock (MDEV-27568)"
            ),
        ]
        var checks: [Check] = []
        for setting in wanted where found[setting.variable]?.uppercased() != setting.value {
            let now = found[setting.variable] ?? "missing"
            checks.append(
                Check(
                    "galera", setting.needed ? .failed : .warning,
                    "\(name): \(setting.variable) is \(now): \(setting.why); put \(setting.variable)=\(setting.value) under [mariadb]"
                ))
        }
        if found["wsrep_mode"]?.contains("DISALLOW_LOCAL_GTID") != true {
            checks.append(
                Check(
                    "galera", .warning,
                    "\(name): tables outside InnoDB get transactions that only this node has; SET GLOBAL "
                        + "wsrep_mode=DISALLOW_LOCAL_GTID, and put it under [mariadb]"))
        }
        if let own = found["gtid_domain_id"], own == found["wsrep_gtid_domain_id"] {
            checks.append(
                Check(
                    "galera", .failed,
                    "\(name): gtid_domain_id is the cluster's own (\(own)), so a local write could take the GTID of another; SET GLOBAL "
                        + "gtid_domain_id to a number of its own on each node, as \(own)01, and put it under [mariadb]")
            )
        }
        return checks.isEmpty ? [Check("galera", .ok, "\(name) is set as a bridge needs it")] : checks
    }

    private func between(_ seen: [(name: String, variables: [String: String])]) -> [Check] {
        var checks: [Check] = []
        func values(_ variable: String) -> String {
            seen.map { "\($0.name) has \($0.variables[variable] ?? "none")" }.joined(separator: ", ")
        }
        for variable in ["wsrep_gtid_domain_id", "server_id"] where Set(seen.map { $0.variables[variable] }).count > 1 {
            checks.append(
                Check(
                    "galera", .failed, "\(variable) must be the same on all nodes of one cluster: \(values(variable))"))
        }
        let own = seen.compactMap { $0.variables["gtid_domain_id"] }
        if Set(own).count < own.count {
            checks.append(
                Check(
                    "galera", .failed,
                    "gtid_domain_id must differ from node to node: \(values("gtid_domain_id")); SET GLOBAL gtid_domain_id=N"
                ))
        }
        if seen.count == 2 {
            checks.append(
                Check(
                    "galera", .warning,
                    "two nodes have no majority when one fails; add a third or an arbitrator (garbd)"))
        }
        return checks
    }

    private func tables(_ session: SQLSession) throws(SQLError) -> [Check] {
        var checks: [Check] = []
        let keyless = try session.query(
            """
            SELECT t.TABLE_SCHEMA, t.TABLE_NAME FROM information_schema.TABLES t LEFT JOIN \
            information_schema.TABLE_CONSTRAINTS c ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME AND \
            c.CONSTRAINT_TYPE = 'PRIMARY KEY' WHERE t.TABLE_TYPE = 'BASE TABLE' AND c.CONSTRAINT_NAME IS NULL AND \
            t.TABLE_SCHEMA NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema') LIMIT 20
            """
        ).rows.map { "\($0[0] ?? "").\($0[1] ?? "")" }
        if !keyless.isEmpty {
            checks.append(
                Check(
                    "galera", .warning,
                    "tables without a primary key are slow to apply and can't be deleted from in Galera: "
                        + keyless.joined(separator: ", ")))
        }
        let foreign = try DatabaseProbe.nonTransactionalTables(session, limit: 20)
        if !foreign.isEmpty {
            checks.append(
                Check(
                    "galera", .warning,
                    "tables outside InnoDB are not replicated by Galera, and not shipped: "
                        + foreign.map(\.description).joined(separator: ", ") + "; ALTER TABLE … ENGINE=InnoDB"))
        }
        return checks
    }
}
