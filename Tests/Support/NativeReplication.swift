import Foundation
import Glibc
import MariaDBClient

/// One primary and its replicas under MariaDB's own replication, with the same settings as a cluster's managed servers.
public final class NativeReplication {
    public enum Mode: String, Sendable { case semiSync, asynchronous }

    private let folder: String
    private var processes: [Process] = []
    public private(set) var ports: [Int] = []

    /// - Parameter model: A managed server whose option file is taken over.
    public init(like model: LabNode, folder: String, servers: Int, mode: Mode) throws {
        self.folder = folder
        let options = try String(contentsOfFile: model.dataDirectory + "/run/mariadbd.cnf", encoding: .utf8)
        for number in 1...servers { try startServer(number, options: options) }
        try configure(mode)
    }

    private func path(_ number: Int) -> String { "\(folder)/native-\(number)" }
    private func socket(_ number: Int) -> String { path(number) + "/s.sock" }

    private func startServer(_ number: Int, options: String) throws {
        let port = try Lab.freePort()
        ports.append(port)
        let home = path(number)
        try FileManager.default.createDirectory(atPath: home + "/tmp", withIntermediateDirectories: true)
        let own = [
            "datadir": home + "/data", "socket": socket(number), "pid_file": home + "/pid", "tmpdir": home + "/tmp",
            "log_error": home + "/err", "server_id": "\(number)", "port": "\(port)", "init_rpl_role": "MASTER",
            "read_only": "OFF", "bind_address": "127.0.0.1",
        ]
        let lines = options.split(separator: "\n").map { line -> String in
            let name = line.prefix { $0 != "=" }
            return own[String(name)].map { "\(name)=\($0)" } ?? String(line)
        }
        try lines.joined(separator: "\n").write(toFile: home + "/my.cnf", atomically: true, encoding: .utf8)
        try Lab.run(
            "mariadb-install-db",
            [
                "--no-defaults", "--datadir=\(home)/data", "--user=\(NSUserName())", "--skip-test-db",
                "--auth-root-authentication-method=socket", "--auth-root-socket-user=\(NSUserName())",
            ])
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/sbin/mariadbd")
        process.arguments = ["--defaults-file=\(home)/my.cnf"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        processes.append(process)
        try Lab.eventually("native server \(number) answers") { try session(number).ping() }
    }

    private func session(_ number: Int) throws -> SQLSession {
        try SQLSession(
            SQLConfiguration(address: .unix(socket(number)), user: NSUserName(), connectTimeout: .seconds(2)))
    }

    private func configure(_ mode: Mode) throws {
        let primary = try session(1)
        try primary.query("CREATE USER repl@'%' IDENTIFIED BY 'repl'")
        try primary.query("GRANT REPLICATION SLAVE ON *.* TO repl@'%'")
        try primary.query("CREATE DATABASE \(LabNode.schema)")
        try primary.query("CREATE USER \(LabNode.user)@'%' IDENTIFIED BY '\(LabNode.password)'")
        try primary.query("GRANT ALL ON \(LabNode.schema).* TO \(LabNode.user)@'%'")
        for number in 2...ports.count {
            let replica = try session(number)
            try replica.query("SET GLOBAL rpl_semi_sync_slave_enabled = \(mode == .semiSync ? "ON" : "OFF")")
            try replica.query(
                """
                CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=\(ports[0]), MASTER_USER='repl', \
                MASTER_PASSWORD='repl', MASTER_USE_GTID=slave_pos
                """)
            try replica.query("START SLAVE")
        }
        if mode == .semiSync {
            try primary.query("SET GLOBAL rpl_semi_sync_master_enabled = ON")
            try Lab.eventually("the replicas are semi-synchronous") {
                try primary.query("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'").rows.first?[1]
                    == "\(ports.count - 1)"
            }
        }
    }

    public func waitUntilApplied() throws {
        try Lab.eventually("native replicas have caught up", within: .seconds(300)) {
            let wanted = try session(1).query("SELECT @@gtid_binlog_pos").scalar
            return try (2...ports.count).allSatisfy {
                try session($0).query("SELECT @@gtid_slave_pos").scalar == wanted
            }
        }
    }

    public func remove() {
        for process in processes {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }
}
