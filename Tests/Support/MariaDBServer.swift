import Foundation
import Glibc
import Synchronization

/// A throwaway `mariadbd` for a test: its own data directory, socket and TCP port under a temporary folder.
///
/// It dies with the test process, however that ends (``GuardedProcess``). Prefer ``withServer(id:options:_:)``, which also removes the folder.
public final class MariaDBServer: Sendable {
    /// What a cluster member of this project runs with (FACTS 1.4, 1.5, 2.4); semi-sync itself is switched on later.
    public static let clusterOptions = [
        "--log-bin=binlog", "--log-slave-updates", "--binlog-format=ROW", "--gtid-strict-mode=ON",
        "--rpl-semi-sync-master-wait-point=AFTER_SYNC", "--rpl-semi-sync-master-timeout=18446744073709551615",
        "--rpl-semi-sync-master-wait-no-slave=ON", "--rpl-semi-sync-slave-enabled=ON", "--binlog-checksum=CRC32",
        "--init-rpl-role=SLAVE", "--skip-slave-start",
    ]
    /// Small and quick to start.
    static let thriftyOptions = [
        "--user=root", "--bind-address=127.0.0.1", "--skip-name-resolve", "--performance-schema=OFF",
        "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=64M", "--key-buffer-size=1M",
        "--max-allowed-packet=1G", "--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1",
    ]

    public let id: UInt32
    public let directory: String
    public let port: Int
    public var socket: String { directory + "/mariadbd.sock" }
    public var dataDirectory: String { directory + "/data" }
    public var errorLog: String { directory + "/error.log" }
    private var pidFile: String { directory + "/mariadbd.pid" }

    private let running = Mutex<GuardedProcess?>(nil)

    private init(id: UInt32, directory: String, port: Int) {
        self.id = id
        self.directory = directory
        self.port = port
    }

    /// Installs a data directory, starts the server on it and waits until it takes connections.
    /// `root` logs in over the socket without a password.
    public static func start(id: UInt32, options: [String] = clusterOptions) async throws -> MariaDBServer {
        let template = try await dataDirectoryTemplate()
        let directory = "\(temporaryRoot)/server-\(id)-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let server = MariaDBServer(id: id, directory: directory, port: try FreePort.take())
        do {
            try await run(["cp", "-a", template, server.dataDirectory])
            try await server.launch(options: options)
        } catch {
            await server.remove()
            throw error
        }
        return server
    }

    /// Starts a server, hands it to `body`, and kills and removes it whatever `body` did.
    public static func withServer<Result: Sendable>(
        id: UInt32, options: [String] = clusterOptions, _ body: (MariaDBServer) async throws -> Result
    ) async throws -> Result {
        let server = try await start(id: id, options: options)
        do {
            let result = try await body(server)
            await server.remove()
            return result
        } catch {
            await server.remove()
            throw error
        }
    }

    /// Starts the stopped (or killed) server again on its data.
    public func launch(options: [String] = clusterOptions) async throws {
        precondition(running.withLock { $0 == nil }, "server \(id) runs already")
        let command =
            [try Self.find("mariadbd"), "--no-defaults"] + Self.thriftyOptions + options + [
                "--server-id=\(id)", "--datadir=\(dataDirectory)", "--socket=\(socket)", "--port=\(port)",
                // A server that starts deletes every temporary table in its folder for them, whoever uses that.
                "--tmpdir=\(directory)",
                "--pid-file=\(pidFile)", "--log-error=\(errorLog)",
            ]
        Self.removeIfPresent(socket)
        let process = try GuardedProcess(command)
        running.withLock { $0 = process }
        try await Self.eventually("server \(id) takes connections (see \(errorLog))", within: .seconds(60)) {
            if !process.isRunning { throw MariaDBServerError("server \(id) did not start:\n\(logTail())") }
            return Self.accepts(socket: socket)
        }
    }

    /// SIGKILL, as a fence does it; returns when the process is gone.
    public func kill() async { await end(signal: SIGKILL) }
    /// SIGTERM, a polite shutdown; returns when the process is gone.
    public func stop() async { await end(signal: SIGTERM) }

    /// Kills the server if it runs and deletes its folder.
    public func remove() async {
        await kill()
        Self.removeIfPresent(directory)
    }

    /// The server's process, nil when it does not run.
    public var pid: pid_t? {
        running.withLock { $0?.isRunning ?? false } ? pidFromFile() : nil
    }

    public enum Signal: Sendable {
        /// SIGSTOP: the server keeps its connections and says nothing.
        case stop
        case resume
    }
    public func signal(_ signal: Signal) throws {
        guard let pid else { throw MariaDBServerError("server \(id) does not run") }
        _ = Glibc.kill(pid, signal == .stop ? SIGSTOP : SIGCONT)
    }

    /// The bytes of a binlog file.
    public func binlog(_ file: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(dataDirectory)/\(file)"), options: .alwaysMapped)
    }

    private func end(signal: Int32) async {
        guard let process = running.withLock({ $0.take() }) else { return }
        if signal != SIGKILL, let pid = pidFromFile() {
            _ = Glibc.kill(pid, signal)
        } else {
            process.kill()
        }
        await process.wait()
    }

    private func pidFromFile() -> pid_t? { pid_t(text(of: pidFile).trimmingCharacters(in: .whitespacesAndNewlines)) }

    /// The last lines of the error log.
    public func logTail(lines: Int = 20) -> String {
        return text(of: errorLog).split(separator: "\n").suffix(lines).joined(separator: "\n")
    }

    /// What the file holds, nothing when it cannot be read.
    private func text(of path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
