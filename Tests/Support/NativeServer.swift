import Foundation
import Glibc
import MariaDBClient

/// A MariaDB server without an agent, with the settings of a cluster's managed servers, in a folder of its own; for comparisons.
public final class NativeServer {
    public let folder: String
    public let port: Int
    private let prefix: [String]
    private var process: Process?

    public var socket: String { folder + "/s.sock" }
    private var optionFile: String { folder + "/my.cnf" }

    /// - Parameters:
    ///   - model: A managed server whose option file is taken over.
    ///   - prefix: In front of the server's command line, as `ip netns exec NAME`.
    public init(like model: LabNode, folder: String, serverID: Int, host: String = "127.0.0.1", prefix: [String] = [])
        throws
    {
        self.folder = folder
        self.prefix = prefix
        port = try FreePort.take()
        try FileManager.default.createDirectory(atPath: folder + "/tmp", withIntermediateDirectories: true)
        let options = try String(contentsOfFile: model.dataDirectory + "/run/mariadbd.cnf", encoding: .utf8)
        let own = [
            "datadir": folder + "/data", "socket": socket, "pid_file": folder + "/pid", "tmpdir": folder + "/tmp",
            "log_error": folder + "/err", "server_id": "\(serverID)", "port": "\(port)", "init_rpl_role": "MASTER",
            "read_only": "OFF", "bind_address": host,
        ]
        let lines = options.split(separator: "\n").map { line -> String in
            let name = line.prefix { $0 != "=" }
            return own[String(name)].map { "\(name)=\($0)" } ?? String(line)
        }
        try lines.joined(separator: "\n").write(toFile: optionFile, atomically: true, encoding: .utf8)
    }

    /// An empty data directory, or a copy of that of a server that is stopped.
    public func install(from other: NativeServer? = nil) throws {
        if let other {
            try Lab.run("cp", ["-a", other.folder + "/data", folder + "/data"])
            return
        }
        try Lab.run(
            "mariadb-install-db",
            [
                "--no-defaults", "--datadir=\(folder)/data", "--user=\(NSUserName())", "--skip-test-db",
                "--auth-root-authentication-method=socket", "--auth-root-socket-user=\(NSUserName())",
            ])
    }

    public func start() throws {
        let process = Process()
        let command = prefix + ["/usr/sbin/mariadbd", "--defaults-file=\(optionFile)"]
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        try Lab.eventually("the server in \(folder) answers") { try session().ping() }
    }

    public func session() throws -> SQLSession {
        try SQLSession(
            SQLConfiguration(address: .unix(socket), user: NSUserName(), connectTimeout: .seconds(2)))
    }

    /// In order, so that its data can be copied.
    public func stop() { end(SIGTERM) }
    public func kill() { end(SIGKILL) }

    private func end(_ signal: Int32) {
        guard let process else { return }
        Glibc.kill(process.processIdentifier, signal)
        process.waitUntilExit()
        self.process = nil
    }

    public func remove() {
        kill()
        do { try FileManager.default.removeItem(atPath: folder) } catch {
            FileHandle.standardError.write(Data("can't remove \(folder): \(error)\n".utf8))
        }
    }

    // MARK: As a replica

    /// Makes it a replica, from what it has on, without starting it.
    public func follow(host: String, port: Int, user: String, password: String, semiSync: Bool) throws {
        let session = try session()
        try session.query("SET GLOBAL rpl_semi_sync_slave_enabled = \(semiSync ? "ON" : "OFF")")
        try session.query(
            """
            CHANGE MASTER TO MASTER_HOST='\(host)', MASTER_PORT=\(port), MASTER_USER='\(user)', \
            MASTER_PASSWORD='\(password)', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1
            """)
    }

    /// `Gtid_IO_Pos`: what has been received, applied or not.
    public func receivedPosition() throws -> String {
        try Self.field("Gtid_IO_Pos", in: session())
    }
    public func appliedPosition() throws -> String { try session().query("SELECT @@gtid_slave_pos").scalar ?? "" }

    /// What stopped replication; empty while nothing did.
    public func replicationError() throws -> String {
        let session = try session()
        return try ["Last_IO_Error", "Last_SQL_Error"].map { try Self.field($0, in: session) }.joined()
    }

    private static func field(_ name: String, in session: SQLSession) throws -> String {
        let result = try session.query("SHOW SLAVE STATUS")
        guard let column = result.columns.firstIndex(of: name), let row = result.rows.first else { return "" }
        return row[column] ?? ""
    }
}
