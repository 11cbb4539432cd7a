import Foundation
import Glibc
import MariaDBClient

/// A cluster of agents with managed databases on this machine.
public final class LabCluster: @unchecked Sendable {
    public let folder: String
    public private(set) var nodes: [LabNode] = []
    private let settings: [String: [String]]
    private let isSecured: Bool

    /// - Parameter tls: whether the members talk TLS; the first node has the CA.
    public init(name: String, settings: [String: [String]] = [:], tls: Bool = false) throws {
        folder = try Lab.makeFolder(name)
        self.settings = settings
        isSecured = tls
    }

    /// Elections in a few hundred milliseconds, for tests that fail over often.
    public static let quickElections = [
        "cluster": [
            "election_timeout_min_ms = 300", "election_timeout_max_ms = 600", "heartbeat_interval_ms = 75",
        ]
    ]

    /// A proxy on every node.
    public static let proxy = ["proxy": ["enabled = true"]]
    /// With quick elections.
    public static let proxied = quickElections.merging(proxy) { $0 + $1 }

    /// For hosts that are some ten milliseconds apart on lines that lose packets: a lost heartbeat is sent again in time.
    public static let distantElections = [
        "cluster": [
            "election_timeout_min_ms = 1000", "election_timeout_max_ms = 2000", "heartbeat_interval_ms = 200",
        ],
        "link": ["timeout_ms = 1500"],
    ]

    /// Makes a node, not yet started. `more` is added to the cluster's settings.
    ///
    /// - Parameter certificate: whether it gets one now, in a cluster with TLS; without, it needs a token to join.
    @discardableResult
    public func addNode(
        host: String = "127.0.0.1", prefix: [String] = [], more: [String: [String]] = [:], certificate: Bool = true
    ) throws -> LabNode {
        let number = nodes.count + 1
        let node = try LabNode(id: "node-\(number)", folder: "\(folder)/node-\(number)", host: host)
        node.prefix = prefix
        node.isSecured = isSecured
        try node.writeConfiguration(settings.merging(more) { $0 + $1 })
        nodes.append(node)
        if isSecured && certificate { try certify(node) }
        return node
    }

    /// Gives a node a certificate by hand; the first one makes the CA.
    public func certify(_ node: LabNode) throws {
        if node === nodes[0] { return _ = try command(node, ["cert", "init"]) }
        try command(
            nodes[0],
            ["cert", "issue", node.id, "--address", node.host, "--out", node.dataDirectory + "/tls", "--force"])
    }

    /// Runs one of the agent's commands where the node is.
    ///
    /// - Returns: what it printed on both outputs.
    @discardableResult
    public func command(_ node: LabNode, _ arguments: [String], expecting status: Int32? = 0) throws -> String {
        let command = node.prefix + [Lab.agent] + arguments + ["--config", node.configuration]
        return try Lab.run(command[0], Array(command.dropFirst()), expecting: status).output
    }

    /// A token of the first node's, for one new node.
    public func token() throws -> String {
        let output = try command(nodes[0], ["cert", "token"])
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("wolfscale-") }) else {
            throw LabError("no token in: \(output)")
        }
        return String(line)
    }

    /// Starts `count` nodes and waits until all of them vote and one is writable.
    public func start(_ count: Int) throws {
        for _ in nodes.count..<max(count, nodes.count) { try addNode() }
        try nodes[0].start(.bootstrap)
        try waitUntilWritable(within: .seconds(120))
        for node in nodes.dropFirst() { try node.start(.join(nodes[0].address)) }
        try waitUntilComplete()
    }

    /// Waits until every node is a voter, or what it was configured as, and its database does its part.
    ///
    /// - Parameter allowingLag: Whether a follower may still be applying; under constant load it may always be.
    public func waitUntilComplete(within limit: Duration = .seconds(120), allowingLag: Bool = false) throws {
        let good = allowingLag ? ["active", "lagging"] : ["active"]
        try Lab.eventually("every node is active", within: limit, every: .milliseconds(100)) {
            let leader = try self.leader()
            let answer = try leader.http("GET", "/cluster/nodes")
            guard let list = try JSONSerialization.jsonObject(with: answer.body) as? [[String: Any]] else {
                return false
            }
            return list.count == nodes.count && list.allSatisfy { good.contains($0["state"] as? String ?? "") }
        }
    }

    /// The node whose database is writable.
    public func leader() throws -> LabNode {
        for node in nodes where node.agentIsRunning {
            do {
                let status = try node.status()
                if status.raft.state == "leader" && status.database.writable { return node }
            } catch { continue }
        }
        throw LabError("no node leads")
    }

    @discardableResult
    public func waitUntilWritable(within limit: Duration = .seconds(60)) throws -> LabNode {
        try Lab.eventually("a node leads and is writable", within: limit) {
            for node in nodes where !node.agentIsRunning {
                if let status = node.exitStatus, status != 0, nodes.count == 1 {
                    throw LabError("\(node.id) ended with \(status): \(tail(node))")
                }
            }
            guard let leader = try? leader() else { return nil as LabNode? }
            // The application's account is made right after the first promotion.
            try leader.client().close()
            return leader
        }
    }

    public func followers() throws -> [LabNode] {
        let leader = try leader()
        return nodes.filter { $0 !== leader }
    }

    /// Waits until every running database holds what the leader's holds.
    public func waitUntilApplied(within limit: Duration = .seconds(60)) throws {
        try Lab.eventually("every node has applied the log", within: limit) {
            let leader = try leader()
            let wanted = try position(leader)
            return try nodes.filter(\.agentIsRunning).allSatisfy { node in
                guard try position(node) == wanted else { return false }
                // A transaction is in the binlog before its rows can be seen; in the table of positions it is with them.
                return try node === leader
                    || node.administrator().query("SELECT @@global.gtid_slave_pos").scalar == wanted
            }
        }
    }

    public func position(_ node: LabNode) throws -> String {
        try node.administrator().query("SELECT @@global.gtid_binlog_pos").scalar ?? ""
    }

    /// Checksums of all tables of a schema on every running node; throws when they differ.
    @discardableResult
    public func requireEqual(schema: String = LabNode.schema) throws -> [String: String] {
        try waitUntilApplied()
        var first: (id: String, sums: [String: String])?
        for node in nodes where node.agentIsRunning {
            let sums = try checksums(node, schema: schema)
            if let first, first.sums != sums {
                throw LabError("\(node.id) differs from \(first.id): \(sums) != \(first.sums)")
            }
            first = first ?? (node.id, sums)
        }
        return first?.sums ?? [:]
    }

    public func checksums(_ node: LabNode, schema: String) throws -> [String: String] {
        let session = try node.administrator()
        let tables = try session.execute(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE'",
            [.string(schema)]
        ).rows.compactMap { $0[0] }
        var sums: [String: String] = [:]
        for table in tables {
            sums[table] = try session.query("CHECKSUM TABLE `\(schema)`.`\(table)`").rows.first?[1] ?? "none"
        }
        return sums
    }

    public func tail(_ node: LabNode, lines: Int = 15) -> String {
        guard let data = FileManager.default.contents(atPath: node.log) else { return "" }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").suffix(lines).joined(separator: "\n")
    }

    /// Kills what still runs and removes the folder, unless `keep`.
    public func remove(keep: Bool = false) {
        for node in nodes {
            node.signalAgent(SIGCONT)
            node.endAgent(SIGKILL)
            node.signalDatabase(SIGKILL)
        }
        for node in nodes {
            _ = try? Lab.eventually("\(node.id) is gone", within: .seconds(10)) { node.databasePID == nil }
        }
        if !keep && ProcessInfo.processInfo.environment["WOLFSCALE_LAB_KEEP"] == nil {
            do { try FileManager.default.removeItem(atPath: folder) } catch {
                FileHandle.standardError.write(Data("can't remove \(folder): \(error)\n".utf8))
            }
        }
    }
}
