import Foundation
import Glibc
import Synchronization

/// A test server, or a tool it needs, did not do what the test asked of it.
public struct MariaDBServerError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

extension MariaDBServer {
    /// Runs SQL as root in a session of its own (the `mariadb` client) and returns the rows of all results as text;
    /// NULL is `NULL`. Throws with the client's message on the first error.
    @discardableResult
    public func sql(_ text: String, database: String = "mysql") async throws -> [[String]] {
        let command = [
            "mariadb", "--no-defaults", "-uroot", "--socket=\(socket)", "--batch", "--skip-column-names",
            "--max-allowed-packet=1G", database,
        ]
        let output = try await Self.run(command, input: text)
        return output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
    }

    /// The first column of the first row.
    public func value(_ text: String) async throws -> String {
        guard let value = try await sql(text).first?.first else { throw MariaDBServerError("no row: \(text)") }
        return value
    }

    /// A status variable as a number, 0 when it is not one.
    public func status(_ name: String) async throws -> Int {
        try await sql("SHOW GLOBAL STATUS LIKE '\(name)'").first.flatMap { Int($0[1]) } ?? 0
    }

    /// Checks `condition` every 20 ms until it holds; throws with `what` when it does not within `limit`.
    public static func eventually(
        _ what: String, within limit: Duration = .seconds(20), _ condition: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + limit
        while !(try await condition()) {
            guard ContinuousClock.now < deadline else { throw MariaDBServerError("not within \(limit): \(what)") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Runs a program found in PATH and returns what it printed; throws with its error output when it fails. Ends it when
    /// the task is cancelled.
    @discardableResult
    public static func run(_ command: [String], input: String = "") async throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try find(command[0]))
        process.arguments = Array(command.dropFirst())
        let folder = "\(temporaryRoot)/run-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { removeIfPresent(folder) }
        // Files instead of pipes: no amount of output can block the child.
        for name in ["in", "out", "err"] {
            try Data((name == "in" ? input : "").utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
        process.standardInput = FileHandle(forReadingAtPath: "\(folder)/in")
        process.standardOutput = FileHandle(forWritingAtPath: "\(folder)/out")
        process.standardError = FileHandle(forWritingAtPath: "\(folder)/err")
        let (exit, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { ended in
            continuation.yield(ended.terminationStatus)
            continuation.finish()
        }
        try process.run()
        var code: Int32 = 0
        await withTaskCancellationHandler {
            for await status in exit { code = status }
        } onCancel: {
            process.terminate()
        }
        try Task.checkCancellation()
        let output = String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(folder)/out")), as: UTF8.self)
        guard code == 0 else {
            let message = String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(folder)/err")), as: UTF8.self)
            throw MariaDBServerError("\(command[0]) failed (\(code)): \(message)")
        }
        return output
    }

    /// Deletes a file or a folder. One that stays is no reason to fail a test.
    static func removeIfPresent(_ path: String) {
        do { try FileManager.default.removeItem(atPath: path) } catch {}
    }

    static func find(_ program: String) throws -> String {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/bin", "/bin"]
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(program)") {
            return "\(folder)/\(program)"
        }
        throw MariaDBServerError("\(program) is not installed")
    }

    /// Where all of it lies; WOLFSCALE_TEST_DIR moves it.
    static let temporaryRoot: String =
        ProcessInfo.processInfo.environment["WOLFSCALE_TEST_DIR"] ?? "/tmp/wolfscale-tests-\(getuid())"

    private static let template = Mutex<Task<String, any Error>?>(nil)

    /// A data directory, installed once a machine and copied for every server.
    static func dataDirectoryTemplate() async throws -> String {
        let task = template.withLock { task in
            if let task { return task }
            let made = Task { try await installTemplate() }
            task = made
            return made
        }
        return try await task.value
    }

    private static func installTemplate() async throws -> String {
        let version = try await run(["mariadbd", "--no-defaults", "--version"])
        let name = version.split(separator: " ").first { $0.contains("MariaDB") } ?? "unknown"
        let target = "\(temporaryRoot)/template-\(name)"
        if FileManager.default.fileExists(atPath: target) { return target }
        let draft = "\(target).\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: temporaryRoot, withIntermediateDirectories: true)
        try await run([
            "mariadb-install-db", "--no-defaults", "--user=root", "--datadir=\(draft)", "--skip-test-db",
            "--auth-root-authentication-method=normal", "--innodb-log-file-size=64M", "--skip-name-resolve",
        ])
        // Another process may have been quicker: one of the two renames wins, and either is good.
        guard rename(draft, target) == 0 || FileManager.default.fileExists(atPath: target) else {
            throw MariaDBServerError("cannot rename \(draft): errno \(errno)")
        }
        removeIfPresent(draft)
        return target
    }

    /// Whether something listens on the Unix socket.
    static func accepts(socket path: String) -> Bool {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8) + [0]
        guard bytes.count <= MemoryLayout.size(ofValue: address.sun_path) else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }
}
