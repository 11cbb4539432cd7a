import Foundation
import Glibc
import MariaDBClient

/// A Galera cluster, on loopback if nothing else is said.
public final class GaleraCluster: @unchecked Sendable {
    public let name: String
    public let folder: String
    /// `wsrep_gtid_domain_id`, and the `server_id` of its nodes; unlike those of every other cluster.
    public let domain: Int
    public let serverID: Int
    public private(set) var nodes: [GaleraNode] = []
    /// Of the group communication: shorter than the defaults, as in one datacenter.
    let timeouts: String

    public static let quick =
        "evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;evs.inactive_check_period=PT0.5S;"
        + "evs.keepalive_period=PT0.5S;evs.install_timeout=PT3S;pc.announce_timeout=PT1S"

    /// - Parameters:
    ///   - number: 1 for the first cluster of a lab, 2 for the next.
    ///   - place: Of each node, counted from 0.
    public init(
        name: String, number: Int, folder: String, nodes count: Int = 3, options: [String] = [],
        timeouts: String = GaleraCluster.quick, place: (Int) -> GaleraNode.Place = { _ in .loopback }
    ) throws {
        self.name = name
        self.folder = folder
        self.timeouts = timeouts
        domain = number
        serverID = Self.serverID(number)
        for index in 1...count {
            nodes.append(
                try GaleraNode(
                    name: "\(name)\(index)", folder: "\(folder)/\(name)\(index)", place: place(index - 1)))
        }
        let template = try GaleraTemplate.path(number)
        for (index, node) in nodes.enumerated() {
            try node.prepare(cluster: self, gtidDomain: number * 100 + index + 1, template: template, options: options)
            try setSafeToBootstrap(node, index == 0)
        }
    }

    /// The nodes keep the one that the cluster's GTIDs began with (it lies in InnoDB), so the template has it too.
    static func serverID(_ number: Int) -> Int { 100 + number }

    private func setSafeToBootstrap(_ node: GaleraNode, _ on: Bool) throws {
        let path = node.data + "/grastate.dat"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let lines = text.split(separator: "\n").map {
            $0.hasPrefix("safe_to_bootstrap") ? "safe_to_bootstrap: \(on ? 1 : 0)" : String($0)
        }
        try lines.joined(separator: "\n").appending("\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    public func start() throws {
        for (index, node) in nodes.enumerated() {
            try bring(node) { try node.start(joining: Array(nodes[..<index])) }
        }
    }

    /// Brings a node back that was stopped or killed; waits until it is synced.
    public func restart(_ node: GaleraNode, wait: Bool = true) throws {
        if !wait { return try node.start(joining: nil) }
        try letGo(of: node)
        try bring(node) { try node.start(joining: nil) }
    }

    /// A killed node that comes back while the others are still about to throw it out can cost them their primary component.
    private func letGo(of node: GaleraNode) throws {
        let others = nodes.filter { $0 !== node && $0.isRunning }
        if others.isEmpty { return }
        var isBootstrapped = false
        try Lab.eventually("the others have let go of \(node.name)", within: .seconds(60), every: .milliseconds(500)) {
            let states = others.compactMap(\.component)
            if states.contains(where: { $0.isPrimary && $0.size <= others.count }) { return true }
            // Both have found each other again, and neither knows any more that they are the majority.
            if !isBootstrapped, states.count == others.count,
                states.allSatisfy({ !$0.isPrimary && $0.size == others.count })
            {
                isBootstrapped = true
                try bootstrap(others)
            }
            return false
        }
    }

    /// What an administrator does when the nodes that are left did not agree in time that the others are gone (Galera's "install timer
    /// expired"): the one that has come furthest makes the primary component anew.
    private func bootstrap(_ nodes: [GaleraNode]) throws {
        let best = try nodes.max { try Int($0.wsrep("last_committed")) ?? 0 < Int($1.wsrep("last_committed")) ?? 0 }
        guard let best else { return }
        Lab.tell("\(best.name) is told to make the primary component anew")
        let session = try best.administrator()
        defer { session.close() }
        try session.query("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'")
    }

    /// Until it is in sync. One that gives up on its way (its donor was lost, the group had not let go of its earlier life) is started again, as
    /// an administrator would.
    private func bring(_ node: GaleraNode, _ start: () throws -> Void) throws {
        var failures: [String] = []
        for _ in 1...3 {
            try start()
            do { return try node.waitUntilSynced(within: .seconds(60)) } catch {
                node.kill()
                failures.append("\(error)")
                Lab.tell("\(node.name) is started again: \(error)")
            }
        }
        throw LabError("\(node.name) does not come back: \(failures.joined(separator: "\n"))")
    }

    /// After the loss of all nodes: the one that had come furthest makes the primary component anew.
    public func startAfterLoss() throws {
        for node in nodes where node.isRunning { node.kill() }
        var best: (node: GaleraNode, seqno: Int)?
        for node in nodes {
            let output = try Lab.run(
                "/usr/sbin/mariadbd",
                [
                    "--defaults-file=\(node.folder)/my.cnf", "--user=root", "--wsrep-recover",
                    "--log-error=\(node.folder)/recover",
                ]
            ).output
            let text = output + ((try? String(contentsOfFile: node.folder + "/recover", encoding: .utf8)) ?? "")
            let seqno = text.components(separatedBy: "Recovered position: ").last?.split(separator: "\n").first?
                .split(separator: ",").first?.split(separator: ":").last.flatMap { Int($0) }
            if let seqno, best.map({ seqno > $0.seqno }) ?? true { best = (node, seqno) }
        }
        guard let first = best?.node else { throw LabError("no node of \(name) knows its position") }
        try setSafeToBootstrap(first, true)
        try first.start(joining: [])
        try first.waitUntilSynced()
        for node in nodes where node !== first { try restart(node) }
    }

    /// A copy of the node's data, taken while it is stopped.
    public func backUp(_ node: GaleraNode) throws -> String {
        let copy = "\(folder)/\(name)-backup"
        try node.stop()
        try Lab.run("cp", ["-a", "--reflink=auto", node.data, copy])
        try restart(node)
        return copy
    }

    /// Stops all nodes and brings the cluster back as it was at the backup.
    public func restore(_ backup: String) throws {
        for node in nodes where node.isRunning { node.kill() }
        for node in nodes {
            try FileManager.default.removeItem(atPath: node.data)
            try Lab.run("cp", ["-a", "--reflink=auto", backup, node.data])
            try setSafeToBootstrap(node, node === nodes[0])
        }
        try start()
    }

    public var synced: [GaleraNode] { nodes.filter(\.isSynced) }

    /// Any node that is in sync.
    public func anyNode() throws -> GaleraNode {
        guard let node = nodes.first(where: { $0.isSynced }) else { throw LabError("no node of \(name) is synced") }
        return node
    }

    public func position(_ node: GaleraNode) throws -> String {
        let session = try node.administrator()
        defer { session.close() }
        return try session.query("SELECT @@global.gtid_binlog_pos").scalar ?? ""
    }

    public func remove() { for node in nodes { node.kill() } }
}
