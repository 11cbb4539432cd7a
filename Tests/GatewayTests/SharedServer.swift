import Foundation
import LabSupport
import MariaDBClient
import Synchronization

/// One `mariadbd` for the suites that only need tables of their own. It dies with the test process.
enum SharedServer {
    private static let task = Mutex<Task<MariaDBServer, any Error>?>(nil)

    static func server() async throws -> MariaDBServer {
        let task = task.withLock { task in
            if let task { return task }
            let started = Task {
                let server = try await MariaDBServer.start(id: 7, options: options)
                folder.withLock { $0 = server.directory }
                atexit { SharedServer.removeFolder() }
                return server
            }
            task = started
            return started
        }
        return try await task.value
    }

    private static let folder = Mutex("")

    private static func removeFolder() {
        let folder = folder.withLock { $0 }
        do {
            try FileManager.default.removeItem(atPath: folder)
        } catch {
            print("cannot remove \(folder): \(error)")
        }
    }

    /// A replicating server's settings without held commits.
    static let options = ["--log-bin=binlog", "--binlog-format=ROW", "--log-slave-updates", "--gtid-strict-mode=ON"]

    /// A login in a fresh schema of the given name.
    static func schema(_ name: String) async throws -> SQLConfiguration {
        let server = try await server()
        try await server.sql("DROP DATABASE IF EXISTS `\(name)`; CREATE DATABASE `\(name)`")
        return SQLConfiguration(address: .unix(server.socket), user: "root", database: name)
    }
}

/// Runs `body` with a session on a thread of its own.
func withSession<Value: Sendable>(
    _ configuration: SQLConfiguration, _ body: @escaping @Sendable (SQLSession) throws(SQLError) -> Value
) async throws -> Value {
    let runner = SQLRunner(configuration, deadline: .seconds(30))
    defer { runner.close() }
    return try await runner.run(body)
}
