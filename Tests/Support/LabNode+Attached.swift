import Foundation

/// A database that somebody else set up (`database.managed = false`), with the commands that start and kill it.
extension LabNode {
    /// Installs it under the node's folder, with the option file that OPERATIONS.md asks for, and gives back the configuration's lines.
    ///
    /// - Parameter options: lines of the option file that come last, so that they win.
    public func attachDatabase(options: [String] = []) throws -> [String: [String]] {
        let server = folder + "/server"
        try FileManager.default.createDirectory(atPath: server, withIntermediateDirectories: true)
        try Lab.run(
            "mariadb-install-db",
            [
                "--no-defaults", "--datadir=\(server)/data", "--user=root", "--skip-test-db",
                "--auth-root-authentication-method=socket",
            ])
        let lines =
            [
                "[mariadbd]", "user=root", "datadir=\(server)/data", "tmpdir=\(server)", "socket=\(server)/server.sock",
                "pid_file=\(server)/server.pid", "log_error=\(server)/server.err", "bind_address=\(host)",
                "port=\(databasePort)", "skip_name_resolve=ON", "performance_schema=OFF",
                "innodb_buffer_pool_size=64M",
            ] + Self.optionsOfAnAttachedServer + options
        try (lines.joined(separator: "\n") + "\n").write(toFile: server + "/my.cnf", atomically: true, encoding: .utf8)
        try """
        #!/bin/bash
        # Foundation's Process leaves descriptors open in its children, and waits until nobody holds them.
        for fd in /proc/$$/fd/*; do [ "${fd##*/}" -gt 2 ] && eval "exec ${fd##*/}>&-"; done
        setsid mariadbd --defaults-file=\(server)/my.cnf </dev/null >>\(server)/server.out 2>&1 &
        """.write(toFile: server + "/start.sh", atomically: true, encoding: .utf8)
        try """
        #!/bin/bash
        [ -f \(server)/server.pid ] || exit 0
        pid=$(cat \(server)/server.pid)
        kill -9 "$pid" 2>/dev/null
        while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
        rm -f \(server)/server.pid
        """.write(toFile: server + "/fence.sh", atomically: true, encoding: .utf8)
        databaseFolder = server
        return [
            "database": [
                "managed = false", "socket = \"\(server)/server.sock\"", "user = \"root\"",
                "start_command = \"bash \(server)/start.sh\"", "fence_command = \"bash \(server)/fence.sh\"",
            ]
        ]
    }

    /// As in docs/OPERATIONS.md, "A server that you set up yourself".
    static let optionsOfAnAttachedServer = [
        "log_bin=binlog", "binlog_format=ROW", "binlog_checksum=CRC32", "log_slave_updates=ON", "gtid_strict_mode=ON",
        "sync_binlog=1", "innodb_flush_log_at_trx_commit=1", "init_rpl_role=SLAVE", "read_only=ON",
        "skip_slave_start=ON", "event_scheduler=OFF", "rpl_semi_sync_master_wait_point=AFTER_SYNC",
        "rpl_semi_sync_master_timeout=18446744073709551615", "rpl_semi_sync_master_wait_no_slave=ON",
        "rpl_semi_sync_slave_enabled=ON", "relay_log_recovery=ON", "slave_parallel_threads=4",
    ]
}
