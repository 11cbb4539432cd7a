import Foundation
import Glibc
import MariaDBClient

/// Data directories of stopped one-node Galera clusters, made once a machine: a cluster that starts from copies of one needs no state
/// transfer, so three nodes are there in seconds.
enum GaleraTemplate {
    /// The account of the agents and of the lab, in every template.
    static let user = "wolfscale"
    static let password = "wolfscale-secret"

    private static let lock = NSLock()

    /// - Parameter number: different clusters need different ones: each has a cluster UUID of its own.
    static func path(_ number: Int) throws -> String {
        try lock.withLock {
            let root = "/tmp/wolfscale-tests-\(getuid())"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            let version =
                try Lab.run("mariadbd", ["--no-defaults", "--version"]).output
                .split(separator: " ").first { $0.contains("MariaDB") }.map(String.init) ?? "unknown"
            let target = "\(root)/galera-2-\(version)-\(number)"
            if FileManager.default.fileExists(atPath: target) { return target }
            let draft = "\(target).\(getpid())"
            defer { _ = try? FileManager.default.removeItem(atPath: draft) }
            try make(draft, number)
            // Another process may have been quicker; either is good.
            guard rename(draft + "/data", target) == 0 || FileManager.default.fileExists(atPath: target) else {
                throw LabError("cannot rename \(draft): errno \(errno)")
            }
            return target
        }
    }

    private static func make(_ draft: String, _ number: Int) throws {
        try FileManager.default.createDirectory(atPath: draft, withIntermediateDirectories: true)
        try Lab.run(
            "mariadb-install-db",
            [
                "--no-defaults", "--user=root", "--datadir=\(draft)/data", "--skip-test-db",
                "--auth-root-authentication-method=normal", "--innodb-log-file-size=16M", "--skip-name-resolve",
            ])
        // Accounts first, outside the cluster and its binlog.
        let accounts = """
            CREATE USER '\(user)'@'%' IDENTIFIED BY '\(password)';
            GRANT ALL PRIVILEGES ON *.* TO '\(user)'@'%' WITH GRANT OPTION;
            CREATE USER '\(LabNode.user)'@'%' IDENTIFIED BY '\(LabNode.password)';
            GRANT ALL PRIVILEGES ON `\(LabNode.schema)`.* TO '\(LabNode.user)'@'%';
            CREATE DATABASE \(LabNode.schema);
            """
        try accounts.write(toFile: draft + "/accounts.sql", atomically: true, encoding: .utf8)
        try run(draft, ["--wsrep-on=OFF", "--init-file=\(draft)/accounts.sql"]) { session in
            try session.query("SELECT 1 FROM \(LabNode.schema).nothing").scalar == nil
        }
        try run(
            draft,
            [
                "--wsrep-on=ON", "--wsrep-provider=\(GaleraNode.provider)", "--wsrep-cluster-address=gcomm://",
                "--wsrep-new-cluster", "--server-id=\(GaleraCluster.serverID(number))",
                "--wsrep-gtid-domain-id=\(number)", "--log-bin=binlog", "--log-slave-updates", "--binlog-format=ROW",
                "--wsrep-node-address=127.0.0.1", "--wsrep-gtid-mode=ON", "--innodb-autoinc-lock-mode=2",
                "--wsrep-provider-options=base_port=\(try FreePort.take());gcache.size=8M",
            ]
        ) { session in
            try session.query("SHOW STATUS LIKE 'wsrep_local_state_comment'").rows.first?[1] == "Synced"
        }
        for file in ["galera.cache", "gvwstate.dat"] {
            _ = try? FileManager.default.removeItem(atPath: "\(draft)/data/\(file)")
        }
    }

    /// Runs a server on the draft until `isReady`, then stops it in order.
    private static func run(_ draft: String, _ arguments: [String], until isReady: (SQLSession) throws -> Bool) throws {
        let socket = draft + "/s.sock"
        let process = try GuardedProcess(
            [
                "/usr/sbin/mariadbd", "--no-defaults", "--user=root", "--datadir=\(draft)/data", "--socket=\(socket)",
                "--skip-networking", "--log-error=\(draft)/err", "--innodb-buffer-pool-size=32M",
            ] + arguments)
        defer { process.kill() }
        try Lab.eventually("the template's server is ready", within: .seconds(60)) {
            guard process.isRunning else {
                throw LabError("it ended: \((try? String(contentsOfFile: draft + "/err", encoding: .utf8)) ?? "")")
            }
            let session = try SQLSession(
                SQLConfiguration(address: .unix(socket), user: user, password: password, connectTimeout: .seconds(2)))
            defer { session.close() }
            do { return try isReady(session) } catch let error as SQLError where error.errno == 1146 { return true }
        }
        let session = try SQLSession(
            SQLConfiguration(address: .unix(socket), user: user, password: password, connectTimeout: .seconds(2)))
        try session.query("SHUTDOWN")
        session.close()
        try Lab.eventually("the template's server has stopped", within: .seconds(60)) { !process.isRunning }
    }
}
