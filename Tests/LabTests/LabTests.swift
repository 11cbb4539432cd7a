import Foundation
import LabSupport
import Testing

/// Everything here runs clusters of real servers, so one at a time.
@Suite(.serialized)
struct LabTests {
    /// Runs `body` on a cluster and takes it away whatever happens; on failure the ends of the agents' logs are printed.
    static func withCluster(
        _ name: String, nodes: Int = 3, settings: [String: [String]] = LabCluster.quickElections, tls: Bool = false,
        _ body: (LabCluster) throws -> Void
    ) throws {
        let cluster = try LabCluster(name: name, settings: settings, tls: tls)
        defer { cluster.remove() }
        do {
            if nodes > 0 { try cluster.start(nodes) }
            try body(cluster)
        } catch {
            for node in cluster.nodes { print("--- \(node.id)\n\(cluster.tail(node, lines: 30))") }
            throw error
        }
    }

    /// A file of the corpus beside this one.
    static func corpus(_ name: String) throws -> String {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Corpus")
        return try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }

    /// Runs a command that must end with one clear message.
    static func requireRefusal(
        _ node: LabNode, _ arguments: [String] = ["start"], saying words: [String],
        within limit: Duration = .seconds(60),
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try Lab.run(
            "timeout", ["\(limit.components.seconds)", Lab.agent] + arguments + ["--config", node.configuration],
            expecting: nil)
        #expect(result.status != 0 && result.status != 124, "exit \(result.status)", sourceLocation: sourceLocation)
        for word in words {
            #expect(
                result.output.localizedCaseInsensitiveContains(word), "\(word) in: \(result.output.suffix(800))",
                sourceLocation: sourceLocation)
        }
    }
}
