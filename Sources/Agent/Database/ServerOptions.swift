import ClusterCore
import Gateway

/// Where a managed server's files lie, all under `node.data_dir`.
struct ServerPaths: Sendable {
    let dataDirectory: String

    var data: String { dataDirectory + "/mariadb" }
    var run: String { dataDirectory + "/run" }
    var socket: String { run + "/mariadbd.sock" }
    var pidFile: String { run + "/mariadbd.pid" }
    var optionFile: String { run + "/mariadbd.cnf" }
    var errorLog: String { dataDirectory + "/mariadbd.err" }
    var temporary: String { run + "/tmp" }
    /// The argument by which our process is known among others.
    var marker: String { "--defaults-file=" + optionFile }
}

/// The option file of a managed server: what the guarantee needs is set after what the user asked for, so that it wins.
struct ServerOptions: Sendable {
    var paths: ServerPaths
    var number: NodeNumber
    var host: String
    var port: Int
    /// `database.server_options`: lines as in an option file, `name=value` or `name`.
    var extra: [String]
    var user: String?
    /// Whether the proxies of the cluster tell it their clients' addresses.
    var takesProxyHeaders = false

    /// What the agent owns. Each carries its reason, which `wolfscale validate` also prints for attached servers.
    static let guarantee: [(option: String, value: String, reason: String)] = [
        ("log_bin", "binlog", "the binlog is what is replicated"),
        ("binlog_format", "ROW", "statements may give other rows elsewhere"),
        ("binlog_checksum", "CRC32", "events are verified from end to end"),
        ("log_slave_updates", "ON", "any node may be the next primary"),
        ("gtid_strict_mode", "ON", "the last line of defence against a second history"),
        ("gtid_domain_id", "0", "one history"),
        ("sync_binlog", "1", "a confirmed write survives a crash"),
        ("innodb_flush_log_at_trx_commit", "1", "a confirmed write survives a crash"),
        ("init_rpl_role", "SLAVE", "a crashed primary must undo what had no quorum (MDEV-33465)"),
        ("read_only", "ON", "the agent decides when a server is writable"),
        ("skip_slave_start", "ON", "the agent decides when a server follows"),
        ("event_scheduler", "OFF", "events run on the primary alone"),
        ("rpl_semi_sync_master_enabled", "OFF", "switched on by the promotion"),
        ("rpl_semi_sync_master_wait_point", "AFTER_SYNC", "a commit is visible only after its quorum"),
        ("rpl_semi_sync_master_timeout", "18446744073709551615", "a timeout would silently end the guarantee"),
        ("rpl_semi_sync_master_wait_no_slave", "ON", "waiters keep waiting while the agent is away"),
        ("rpl_semi_sync_slave_enabled", "ON", "a refill brings back the server's own transactions"),
        ("relay_log_recovery", "ON", "a crashed replica fetches again what it had not applied"),
        ("slave_parallel_mode", "optimistic", "followers keep up with the leader"),
    ]

    /// From where this machine's agent connects to a server that listens on `host`.
    private static func ownAddresses(_ host: String) -> [String] {
        let loopback = ["127.0.0.1", "::1"]
        return IPAddress(host) == nil || loopback.contains(host) ? loopback : loopback + [host]
    }

    /// The text of the option file.
    func render() -> String {
        var lines = [
            "# Written by wolfscale at every start of the server; edit database.server_options instead.",
            "[mariadbd]",
            "slave_parallel_threads=4",
            "skip_name_resolve=ON",
            "performance_schema=OFF",
            "max_connections=500",
            "binlog_expire_logs_seconds=86400",
            "max_allowed_packet=1G",
            "slave_max_allowed_packet=1G",
        ]
        if takesProxyHeaders {
            lines += ["proxy_protocol_networks=" + ServerOptions.ownAddresses(host).joined(separator: ",")]
        }
        lines += extra
        lines += [
            "datadir=\(paths.data)", "socket=\(paths.socket)", "pid_file=\(paths.pidFile)", "tmpdir=\(paths.temporary)",
            "log_error=\(paths.errorLog)", "server_id=\(number)", "bind_address=\(host)", "port=\(port)",
            "relay_log=relay",
        ]
        lines += user.map { ["user=\($0)"] } ?? []
        lines += ServerOptions.guarantee.map { "\($0.option)=\($0.value)" }
        return lines.joined(separator: "\n") + "\n"
    }
}
