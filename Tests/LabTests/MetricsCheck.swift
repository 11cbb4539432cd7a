import Foundation
import LabSupport
import Testing

/// What docs/METRICS.md says, and what a node gives.
enum MetricsCheck {
    /// The names in the table.
    static func documented() throws -> Set<String> {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../docs/METRICS.md")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        return Set(
            lines.filter { $0.hasPrefix("| `") }.compactMap { $0.split(separator: "`").dropFirst().first }
                .map(String.init).filter { $0.hasPrefix("wolfscale_") || $0.hasPrefix("process_") })
    }

    static func read(_ node: LabNode) throws -> PrometheusText.Metrics {
        let answer = try node.http("GET", "/metrics")
        guard answer.status == 200 else { throw LabError("/metrics: \(answer.status)") }
        let text = String(decoding: answer.body, as: UTF8.self)
        try askPython(text)
        return try PrometheusText.parse(text)
    }

    /// Every name there is stands in the table, and every name of the table is there but for those that begin as given.
    static func requireTable(_ metrics: PrometheusText.Metrics, without prefixes: [String]) throws {
        let documented = try documented()
        let found = Set(metrics.types.keys)
        #expect(found.subtracting(documented).isEmpty, "not documented")
        let missing = documented.subtracting(found).filter { name in !prefixes.contains { name.hasPrefix($0) } }
        #expect(missing.isEmpty, "documented, and not there")
    }

    /// Prometheus' own Python client, where it is installed, has the last word.
    private static func askPython(_ text: String) throws {
        let python = ProcessInfo.processInfo.environment["WOLFSCALE_PYTHON"] ?? "python3"
        let probe = try Lab.run(python, ["-c", "import prometheus_client"], expecting: nil)
        guard probe.status == 0 else { return }
        let program = """
            import sys
            from prometheus_client.parser import text_string_to_metric_families as parse
            print(sum(len(family.samples) for family in parse(sys.stdin.read())))
            """
        _ = try Lab.run(python, ["-c", program], input: text)
    }
}
