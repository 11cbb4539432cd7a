import Foundation
import FoundationNetworking
import Glibc
import MariaDBClient

/// A `wolfscale proxy` on this machine.
public final class StandaloneProxy: @unchecked Sendable {
    public let port: Int
    /// Of its HTTP API.
    public let apiPort: Int
    public let log: String
    private let process = Process()

    /// - Parameters:
    ///   - member: the one whose API it is told.
    ///   - user: may read `mysql.global_priv` at the databases.
    ///   - more: lines for `[proxy]`.
    public convenience init(
        in folder: String, member: LabNode, user: String, password: String, more: [String] = []
    ) throws {
        let authority = member.apiAuthority.map { ["tls_ca = \"\($0)\""] } ?? []
        try self.init(
            in: folder, members: "\(member.host):\(member.apiPort)", more: more,
            database: ["user = \"\(user)\"", "password = \"\(password)\""],
            api: ["token_file = \"\(member.folder)/token\""] + authority)
    }

    /// - Parameters:
    ///   - members: of the configuration.
    ///   - more: lines for `[proxy]`; the next two for their sections.
    public init(
        in folder: String, members: String, more: [String] = [], database: [String] = [], api: [String] = []
    ) throws {
        port = try FreePort.take()
        apiPort = try FreePort.take()
        log = folder + "/proxy.log"
        let file = folder + "/proxy.toml"
        try """
        [proxy]
        members = ["\(members)"]
        \(more.joined(separator: "\n"))
        [database]
        \(database.joined(separator: "\n"))
        [api]
        bind_address = "127.0.0.1:\(apiPort)"
        \(api.joined(separator: "\n"))

        """.write(toFile: file, atomically: true, encoding: .utf8)
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        let output = try FileHandle(forUpdating: URL(fileURLWithPath: log))
        process.executableURL = URL(fileURLWithPath: Lab.agent)
        process.arguments = ["proxy", "--listen", "127.0.0.1:\(port)", "--config", file]
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    /// A session as the application.
    public func client(password: String = LabNode.password) throws -> SQLSession {
        try SQLSession(
            SQLConfiguration(
                address: .tcp(host: "127.0.0.1", port: port), user: LabNode.user, password: password,
                database: LabNode.schema, connectTimeout: .seconds(15), readTimeout: .seconds(30)))
    }

    /// `GET` of its own API.
    public func http(_ path: String) throws -> (status: Int, body: Data) {
        guard let url = URL(string: "http://127.0.0.1:\(apiPort)\(path)") else { throw LabError("bad path \(path)") }
        return try LabHTTP.send(URLRequest(url: url, timeoutInterval: 10))
    }

    public func end() {
        if process.isRunning { kill(process.processIdentifier, SIGTERM) }
        process.waitUntilExit()
    }

    public var exitStatus: Int32? { process.isRunning ? nil : process.terminationStatus }
}

extension SQLSession {
    /// The port of the database that answers this session's reads through a proxy; `@@port` may be asked anywhere.
    public func portThatIsRead() throws -> Int {
        let variable = "SELECT variable_value FROM information_schema.global_variables WHERE variable_name = 'PORT'"
        return try Int(query(variable).scalar ?? "") ?? 0
    }
}
