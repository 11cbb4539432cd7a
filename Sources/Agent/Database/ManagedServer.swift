import ClusterCore
import CoreFoundation
import Foundation
import Glibc
import Logging
import MariaDBClient
import NIOPosix

/// The mariadbd that the agent runs itself (`database.managed = true`): installed on first start, started as SLAVE, adopted again
/// by pid file, killed when it must be fenced.
struct ManagedServer: DatabaseServer {
    let options: ServerOptions
    let logger: Logger
    /// Threads for blocking work.
    let threads: NIOThreadPool

    var paths: ServerPaths { options.paths }

    var administration: SQLConfiguration {
        SQLConfiguration(address: .unix(paths.socket), user: NSUserName(), connectTimeout: .seconds(5))
    }

    func start() async throws -> StartedServer {
        if let running = ServerProcess.adopt(pidFile: paths.pidFile, marker: paths.marker) {
            if await answers(within: .seconds(5), process: running) {
                return StartedServer(process: running, adopted: true)
            }
            logger.warning(
                "the server that runs does not answer; it is killed and started again",
                metadata: ["pid": "\(running.pid)"])
            await running.fence()
        }
        try await threads.runIfActive { try prepare() }
        let logStart = errorLogSize()
        let process = try ServerProcess.spawn([try Self.find("mariadbd"), paths.marker], log: paths.errorLog)
        if await answers(within: .seconds(120), process: process) {
            return StartedServer(process: process, adopted: false)
        }
        if process.isRunning {
            await process.fence()
            throw ServerError.unresponsive("mariadbd did not answer within 120 s; see \(paths.errorLog)")
        }
        throw Self.explain(errorLog(from: logStart), paths: paths, port: options.port)
    }

    func exportOrphans(after position: String, to directory: String) async throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: paths.data)
            .filter { $0.hasPrefix("binlog.") && $0.dropFirst(7).allSatisfy(\.isNumber) }.sorted()
        guard !files.isEmpty else { throw ServerError.commandFailed("there is no binlog in \(paths.data)") }
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let tool = try Self.find("mariadb-binlog")
        let binlogs = files.map { paths.data + "/" + $0 }
        let start = position.isEmpty ? [] : ["--start-position=\(position)"]
        try await threads.runIfActive {
            try Self.run(
                tool, ["--no-defaults", "--base64-output=decode-rows", "--verbose"] + start + binlogs,
                output: directory + "/orphans.sql")
            try Self.run(tool, ["--no-defaults"] + start + binlogs, output: directory + "/orphans.replay.sql")
            for file in files.suffix(2) {
                let copy = directory + "/" + file
                if FileManager.default.fileExists(atPath: copy) { try FileManager.default.removeItem(atPath: copy) }
                try FileManager.default.copyItem(atPath: paths.data + "/" + file, toPath: copy)
            }
        }
    }

    func holdsBinlog(file: String, offset: UInt64) async -> Bool {
        var status = stat()
        return !file.contains("/") && stat(paths.data + "/" + file, &status) == 0 && UInt64(status.st_size) >= offset
    }

    // MARK: Preparing

    private func prepare() throws {
        let files = FileManager.default
        for directory in [paths.run, paths.temporary] {
            try files.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        try options.render().write(toFile: paths.optionFile, atomically: true, encoding: .utf8)
        if !files.fileExists(atPath: paths.data + "/mysql") { try install() }
        try checkPort()
    }

    /// Installed beside its place and then moved there, so that a half-made directory is never taken for a whole one.
    private func install() throws {
        let unfinished = paths.data + ".installing"
        let files = FileManager.default
        if files.fileExists(atPath: unfinished) { try files.removeItem(atPath: unfinished) }
        logger.info("installing the database", metadata: ["path": "\(paths.data)"])
        var arguments = [
            "--no-defaults", "--datadir=\(unfinished)", "--auth-root-authentication-method=socket",
            // A server that starts deletes all temporary tables in that folder, those of other servers on the host too.
            "--tmpdir=\(paths.temporary)",
            "--auth-root-socket-user=\(NSUserName())", "--skip-test-db", "--skip-name-resolve",
        ]
        if let user = options.user { arguments.append("--user=\(user)") }
        try Self.run(try Self.find("mariadb-install-db"), arguments)
        if files.fileExists(atPath: paths.data) { try files.removeItem(atPath: paths.data) }
        try files.moveItem(atPath: unfinished, toPath: paths.data)
    }

    private func checkPort() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(options.port).bigEndian
        let host = options.host == "localhost" ? "127.0.0.1" : options.host
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return }
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if code != 0 && errno == EADDRINUSE {
            throw ServerError.portInUse(
                "\(host):\(options.port) is in use by another program, so the managed MariaDB can't listen there; "
                    + "stop that program or set database.port to a free port")
        }
    }

    // MARK: Waiting

    private func answers(within limit: Duration, process: ServerProcess) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline && process.isRunning {
            if await accepts() { return true }
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return false }
        }
        return false
    }

    private func accepts() async -> Bool {
        var configuration = administration
        configuration.connectTimeout = .seconds(2)
        configuration.readTimeout = .seconds(2)
        do {
            return try await threads.runIfActive { [configuration] in
                try SQLSession(configuration).close()
                return true
            }
        } catch { return false }
    }

    private func errorLogSize() -> UInt64 {
        var status = stat()
        return stat(paths.errorLog, &status) == 0 ? UInt64(status.st_size) : 0
    }

    private func errorLog(from offset: UInt64) -> String {
        guard let file = FileHandle(forReadingAtPath: paths.errorLog) else { return "" }
        do {
            defer { file.closeFile() }
            try file.seek(toOffset: offset)
            return String(decoding: try file.read(upToCount: 256 * 1024) ?? Data(), as: UTF8.self)
        } catch { return "" }
    }

    /// Turns what the server wrote at its end into one message with a remedy.
    static func explain(_ log: String, paths: ServerPaths, port: Int) -> ServerError {
        let errors = log.split(separator: "\n").filter { $0.contains("[ERROR]") }.map(String.init)
        let last = errors.first ?? log.split(separator: "\n").last.map(String.init) ?? "no message"
        if log.contains("init-rpl-role") || log.contains("Cannot truncate") || log.contains("cannot be trimmed")
            || log.contains("Failed to truncate")
        {
            return .refusesReplicaRole(last)
        }
        if log.contains("Address already in use") {
            return .portInUse("port \(port) is in use by another program; set database.port to a free port (\(last))")
        }
        if log.contains("No space left on device") || log.contains("Disk is full") {
            return .cannotStart("the disk is full; free room under \(paths.dataDirectory) (\(last))")
        }
        return .cannotStart("mariadbd ended while starting: \(last); see \(paths.errorLog)")
    }

    // MARK: Tools

    static func find(_ name: String) throws(ServerError) -> String {
        for directory in ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/libexec"] {
            let path = directory + "/" + name
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw ServerError.cannotStart("\(name) is not installed; on Debian: apt-get install mariadb-server")
    }

    /// Runs a program to its end; its output is in the error when it fails.
    @discardableResult
    static func run(_ program: String, _ arguments: [String], output: String? = nil) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardError = pipe
        if let output {
            guard FileManager.default.createFile(atPath: output, contents: nil, attributes: [.posixPermissions: 0o600]),
                let file = FileHandle(forWritingAtPath: output)
            else { throw ServerError.commandFailed("can't write \(output)") }
            process.standardOutput = file
        } else {
            process.standardOutput = pipe
        }
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ServerError.commandFailed("\(program) failed (\(process.terminationStatus)): \(text.suffix(600))")
        }
        return text
    }
}
