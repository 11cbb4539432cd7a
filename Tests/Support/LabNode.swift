import Foundation
import FoundationNetworking
import Glibc
import MariaDBClient

/// One host of a cluster on this machine: an agent and the database it manages, in a folder of their own.
public final class LabNode: @unchecked Sendable {
    public let id: String
    public let folder: String
    public let host: String
    public let peerPort: Int
    public let apiPort: Int
    public let databasePort: Int
    public let proxyPort: Int
    /// In front of the agent's command line, as `ip netns exec NAME`.
    public var prefix: [String] = []
    /// Whether the members talk TLS; without it `tls.required = false` opens other addresses than loopback.
    public var isSecured = false
    /// Whether the database listens on its namespace's loopback only; the lab then uses its socket.
    public var hidesDatabase = false
    /// The authority that signed the API's certificate; nil while it speaks plain HTTP.
    public var apiAuthority: String?
    private let lock = NSLock()
    private var agentProcess: Process?

    public var configuration: String { folder + "/wolfscale.toml" }
    /// Elsewhere when the configuration says so.
    public private(set) var dataDirectory: String
    /// Where an attached database lies; nil for a managed one.
    public internal(set) var databaseFolder: String?
    public var socket: String { databaseFolder.map { $0 + "/server.sock" } ?? dataDirectory + "/run/mariadbd.sock" }
    private var pidFile: String { databaseFolder.map { $0 + "/server.pid" } ?? dataDirectory + "/run/mariadbd.pid" }
    public var log: String { folder + "/agent.log" }
    public var address: String { "\(host):\(peerPort)" }

    public static let user = "app"
    public static let password = "app-secret"
    public static let schema = "shop"
    /// Of the API; the lab speaks from outside the node's network namespace.
    public static let token = "lab-token"

    public init(
        id: String, folder: String, host: String = "127.0.0.1", peerPort: Int? = nil, apiPort: Int? = nil,
        databasePort: Int? = nil
    ) throws {
        self.id = id
        self.folder = folder
        dataDirectory = folder + "/data"
        self.host = host
        self.peerPort = try peerPort ?? FreePort.take()
        self.apiPort = try apiPort ?? FreePort.take()
        self.databasePort = try databasePort ?? FreePort.take()
        proxyPort = try FreePort.take()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    /// - Parameter extra: tables and keys to add; `section` → lines.
    public func writeConfiguration(_ extra: [String: [String]] = [:]) throws {
        // Where it is cleaned up, it must be looked for in the right place.
        if let line = extra["node"]?.last(where: { $0.hasPrefix("data_dir = \"") }) {
            dataDirectory = String(line.dropFirst("data_dir = \"".count).dropLast())
        }
        var sections: [(String, [String])] = [
            ("node", ["id = \"\(id)\"", "bind_address = \"\(address)\"", "data_dir = \"\(dataDirectory)\""]),
            (
                "database",
                [
                    "host = \"\(host)\"", "port = \(databasePort)", "user = \"\(Self.user)\"",
                    "password = \"\(Self.password)\"", "database = \"\(Self.schema)\"",
                ]
            ),
            ("api", ["bind_address = \"\(host):\(apiPort)\"", "token_file = \"\(folder)/token\""]),
            ("proxy", ["enabled = false", "bind_address = \"\(host):\(proxyPort)\""]),
            ("cluster", []),
            ("tls", host == "127.0.0.1" || isSecured ? [] : ["required = false"]),
        ]
        for (name, lines) in extra.sorted(by: { $0.key < $1.key }) {
            if let index = sections.firstIndex(where: { $0.0 == name }) {
                let keys = Set(lines.map { $0.prefix { $0 != "=" }.trimmingCharacters(in: .whitespaces) })
                sections[index].1.removeAll {
                    keys.contains($0.prefix { $0 != "=" }.trimmingCharacters(in: .whitespaces))
                }
                sections[index].1 += lines
            } else {
                sections.append((name, lines))
            }
        }
        let text = sections.filter { !$0.1.isEmpty }
            .map { "[\($0.0)]\n" + $0.1.joined(separator: "\n") }.joined(separator: "\n\n")
        try Self.token.write(toFile: folder + "/token", atomically: true, encoding: .utf8)
        chmod(folder + "/token", 0o600)
        try (text + "\n").write(toFile: configuration, atomically: true, encoding: .utf8)
    }

    // MARK: The agent

    public enum Start {
        case bootstrap
        case join(String)
        case joinWithToken(String, String)
        case again

        var arguments: [String] {
            switch self {
            case .bootstrap: ["start", "--bootstrap"]
            case .join(let address): ["join", address]
            case .joinWithToken(let address, let token): ["join", address, "--token", token]
            case .again: ["start"]
            }
        }
    }

    public func start(_ start: Start, environment: [String: String] = [:]) throws {
        let command = prefix + [Lab.agent] + start.arguments + ["--config", configuration]
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0].hasPrefix("/") ? command[0] : "/usr/bin/env")
        process.arguments = command[0].hasPrefix("/") ? Array(command.dropFirst()) : command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        let output = try FileHandle(forUpdating: URL(fileURLWithPath: log))
        try output.seekToEnd()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        lock.withLock { agentProcess = process }
    }

    public var agentIsRunning: Bool { lock.withLock { agentProcess?.isRunning ?? false } }
    public var agentPID: pid_t? { lock.withLock { agentProcess.flatMap { $0.isRunning ? $0.processIdentifier : nil } } }
    public var exitStatus: Int32? {
        lock.withLock { agentProcess.flatMap { $0.isRunning ? nil : $0.terminationStatus } }
    }

    public func signalAgent(_ signal: Int32) { if let agentPID { kill(agentPID, signal) } }

    /// Sends a signal and waits until the agent has ended.
    public func endAgent(_ signal: Int32 = SIGTERM) {
        signalAgent(signal)
        lock.withLock { agentProcess }?.waitUntilExit()
    }

    // MARK: The database

    /// The database's, if it runs.
    public var databasePID: pid_t? {
        guard let data = FileManager.default.contents(atPath: pidFile),
            let pid = pid_t(String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)),
            let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"),
            String(decoding: line, as: UTF8.self).contains(databaseFolder ?? dataDirectory)
        else { return nil }
        return pid
    }

    public func signalDatabase(_ signal: Int32) { if let databasePID { kill(databasePID, signal) } }

    /// A session as the OS user that runs the agent, who may do everything.
    public func administrator(database: String? = nil) throws -> SQLSession {
        try SQLSession(
            SQLConfiguration(
                address: .unix(socket), user: NSUserName(), database: database, connectTimeout: .seconds(2),
                readTimeout: .seconds(60)))
    }

    /// A session as the application.
    public func client(readTimeout: Duration? = .seconds(30)) throws -> SQLSession {
        if databaseFolder != nil { return try administrator(database: Self.schema) }
        return try SQLSession(
            SQLConfiguration(
                address: hidesDatabase ? .unix(socket) : .tcp(host: host, port: databasePort), user: Self.user,
                password: Self.password,
                database: Self.schema, connectTimeout: .seconds(1), readTimeout: readTimeout))
    }

    /// A session as the application through this node's proxy, which must be enabled.
    public func proxyClient(readTimeout: Duration? = .seconds(30)) throws -> SQLSession {
        try SQLSession(
            SQLConfiguration(
                address: .tcp(host: host, port: proxyPort), user: Self.user, password: Self.password,
                database: Self.schema, connectTimeout: .seconds(15), readTimeout: readTimeout))
    }

    // MARK: HTTP

    /// One HTTP exchange with the node's API.
    public func http(
        _ method: String, _ path: String, body: String? = nil, timeout: TimeInterval = 15,
        headers: [String: String] = [:]
    ) throws -> (status: Int, body: Data) {
        if let apiAuthority { return try https(method, path, body, timeout, headers, apiAuthority) }
        guard let url = URL(string: "http://\(host):\(apiPort)\(path)") else { throw LabError("bad path \(path)") }
        var request = URLRequest(url: url, timeoutInterval: timeout)
        request.httpMethod = method
        if let body {
            request.httpBody = Data(body.utf8)
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        }
        request.setValue("Bearer \(Self.token)", forHTTPHeaderField: "Authorization")
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        return try LabHTTP.send(request)
    }

    /// By `curl`, which can be told whom to believe.
    private func https(
        _ method: String, _ path: String, _ body: String?, _ timeout: TimeInterval, _ headers: [String: String],
        _ authority: String
    ) throws -> (status: Int, body: Data) {
        let all = ["Authorization": "Bearer \(Self.token)", "Content-Type": "application/json"].merging(headers) { $1 }
        let arguments =
            ["-sS", "-m", "\(timeout)", "--cacert", authority, "-X", method, "-w", "\n%{http_code}"]
            + all.flatMap { ["-H", "\($0.key): \($0.value)"] } + (body.map { ["--data-binary", $0] } ?? [])
        let output = try Lab.run("curl", arguments + ["https://\(host):\(apiPort)\(path)"]).output
        guard let end = output.lastIndex(of: "\n"), let status = Int(output[output.index(after: end)...]) else {
            throw LabError("\(method) \(path): \(output)")
        }
        return (status, Data(output[..<end].utf8))
    }

    public func status() throws -> LabStatus {
        let answer = try http("GET", "/status", timeout: 3)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(LabStatus.self, from: answer.body)
    }
}

/// What `/status` says, as far as the lab looks at it.
public struct LabStatus: Decodable, Sendable {
    public struct Node: Decodable, Sendable { public var id: String; public var number: Int; public var role: String }
    public struct Raft: Decodable, Sendable {
        public var state: String; public var term: UInt64; public var leaderId: String?
    }
    public struct Log: Decodable, Sendable {
        public var lastLsn: UInt64
        public var durableLsn: UInt64
        public var committedLsn: UInt64
        public var appliedLsn: UInt64
    }
    public struct Database: Decodable, Sendable {
        public var state: String
        public var gtid: String?
        public var writable: Bool
    }
    public var node: Node
    public var raft: Raft
    public var log: Log
    public var database: Database
}
