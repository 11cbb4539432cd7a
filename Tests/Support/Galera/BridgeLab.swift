import Foundation
import Glibc
import MariaDBClient

/// Two Galera clusters on this machine with an agent each, and a third agent as the witness if wanted.
public final class BridgeLab: @unchecked Sendable {
    public let folder: String
    public let a: GaleraCluster
    public let b: GaleraCluster
    public let agentA: LabNode
    public let agentB: LabNode
    public let witness: LabNode?
    /// The way between the sites, each way one: what A dials to reach B, and B to reach A. Nil without a WAN.
    public private(set) var lines: [TCPRelay] = []

    public var agents: [LabNode] { [agentA, agentB] + (witness.map { [$0] } ?? []) }
    public var clusters: [GaleraCluster] { [a, b] }

    /// - Parameter settings: for the agents' configuration, section → lines.
    public init(
        name: String, nodes: Int = 3, witness wantsWitness: Bool = false, settings: [String: [String]] = [:],
        serverOptions: [String] = [], wan line: Line? = nil
    ) throws {
        folder = try Lab.makeFolder(name)
        a = try GaleraCluster(name: "a", number: 1, folder: folder, nodes: nodes, options: serverOptions)
        b = try GaleraCluster(name: "b", number: 2, folder: folder, nodes: nodes, options: serverOptions)
        agentA = try LabNode(id: "agent-a", folder: folder + "/agent-a")
        agentB = try LabNode(id: "agent-b", folder: folder + "/agent-b")
        witness = wantsWitness ? try LabNode(id: "witness", folder: folder + "/witness") : nil
        if let line {
            for agent in [agentA, agentB] {
                lines.append(try TCPRelay(to: ("127.0.0.1", agent.peerPort), line: line))
            }
        }
        try configure(agentA, "voter", a, settings)
        try configure(agentB, wantsWitness ? "voter" : "learner", b, settings)
        if let witness { try configure(witness, "witness", nil, settings) }
    }

    private func configure(
        _ agent: LabNode, _ role: String, _ cluster: GaleraCluster?, _ settings: [String: [String]]
    ) throws {
        var node = ["role = \"\(role)\"", "site = \"\(cluster?.name ?? "w")\""]
        if let line = [agentA, agentB].firstIndex(where: { $0 === agent }).flatMap({
            $0 < lines.count ? lines[$0] : nil
        }) {
            node.append("advertise_address = \"127.0.0.1:\(line.port)\"")
        }
        let base: [String: [String]] = [
            "node": node,
            "replication": ["mode = \"async\""],
            "database": [
                "user = \"\(GaleraTemplate.user)\"", "password = \"\(GaleraTemplate.password)\"", "managed = false",
            ],
            "wal": ["flush_interval_ms = 20"],
            "cluster": LabCluster.quickElections["cluster"] ?? [],
            "galera": ["probe_interval_ms = 300"],
            "log": ["level = \"debug\""],
        ]
        try agent.writeConfiguration(base.merging(settings) { Self.override($0, with: $1) })
        guard let cluster else { return }
        var text = try String(contentsOfFile: agent.configuration, encoding: .utf8)
        for node in cluster.nodes {
            text += "\n[[galera.endpoint]]\nhost = \"127.0.0.1\"\nport = \(node.port)\n"
        }
        try text.write(toFile: agent.configuration, atomically: true, encoding: .utf8)
    }

    /// A key may be given once only.
    private static func override(_ lines: [String], with others: [String]) -> [String] {
        func key(_ line: String) -> Substring { line.prefix { $0 != " " && $0 != "=" } }
        return lines.filter { line in !others.contains { key($0) == key(line) } } + others
    }

    public func start() throws {
        try startClusters()
        try startAgents()
    }

    public func startClusters() throws { for cluster in clusters { try cluster.start() } }

    public func startAgents() throws {
        try agentA.start(.bootstrap)
        try waitUntil(agentA, is: "primary")
        try agentB.start(.join(joinAddress))
        try waitUntil(agentB, is: "replica")
        if let witness {
            try witness.start(.join(joinAddress))
            try Lab.eventually("three members vote", within: .seconds(30)) {
                let answer = try agentA.http("GET", "/cluster/nodes")
                let list = try JSONSerialization.jsonObject(with: answer.body) as? [[String: Any]] ?? []
                return list.count == 3 && list.allSatisfy { ($0["role"] as? String) != "learner" }
            }
        }
    }

    private var joinAddress: String { lines.first.map { "127.0.0.1:\($0.port)" } ?? agentA.address }

    public func waitUntil(_ agent: LabNode, is state: String, within limit: Duration = .seconds(60)) throws {
        try Lab.eventually("\(agent.id) is \(state)", within: limit) {
            guard agent.agentIsRunning else { throw LabError("\(agent.id) has ended: \(tail(agent))") }
            let now = try agent.status().database.state
            if now == state { return true }
            throw LabError("it is \(now)")
        }
    }

    /// The agent whose site takes writes, and its cluster.
    public func primary() throws -> (agent: LabNode, cluster: GaleraCluster) {
        for (agent, cluster) in [(agentA, a), (agentB, b)] where agent.agentIsRunning {
            if let status = try? agent.status(), status.raft.state == "leader", status.database.writable {
                return (agent, cluster)
            }
        }
        throw LabError("no site is primary")
    }

    /// The whole of `GET /status`.
    public func status(_ agent: LabNode) throws -> [String: Any] {
        let answer = try agent.http("GET", "/status", timeout: 3)
        return try JSONSerialization.jsonObject(with: answer.body) as? [String: Any] ?? [:]
    }

    /// The agent's own site in `GET /status`.
    public func site(_ agent: LabNode) throws -> [String: Any] {
        let bridge = try status(agent)["bridge"] as? [String: Any] ?? [:]
        return (bridge["sites"] as? [[String: Any]])?.first ?? [:]
    }

    /// The node that the agent captures from or feeds.
    public func nodeInUse(_ agent: LabNode) throws -> GaleraNode? {
        let nodes = try site(agent)["nodes"] as? [[String: Any]] ?? []
        let endpoint = nodes.first { $0["in_use"] as? Bool == true }?["endpoint"] as? String
        return clusters.flatMap(\.nodes).first { $0.address == endpoint }
    }

    // MARK: The end

    public func tail(_ agent: LabNode, lines: Int = 25) -> String {
        guard let data = FileManager.default.contents(atPath: agent.log) else { return "" }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").suffix(lines).joined(separator: "\n")
    }

    public func remove(keep: Bool = false) {
        for agent in agents {
            agent.signalAgent(SIGCONT)
            agent.endAgent(SIGKILL)
        }
        for cluster in clusters { cluster.remove() }
        for line in lines { line.close() }
        if !keep && ProcessInfo.processInfo.environment["WOLFSCALE_LAB_KEEP"] == nil {
            _ = try? FileManager.default.removeItem(atPath: folder)
        }
    }
}
