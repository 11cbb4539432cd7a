import Foundation
import MariaDBClient

/// Whether both clusters hold the same.
extension BridgeLab {
    /// Waits until every running node of both clusters has all that the first node of `source` has.
    ///
    /// - Parameter limit: For so long nothing may move; a backlog takes the time that it takes.
    public func waitUntilEqualPositions(from source: GaleraCluster, within limit: Duration = .seconds(90)) throws {
        var furthest = 0
        while true {
            let before = furthest
            do {
                try Lab.eventually(
                    "every node holds what \(source.name) wrote", within: limit, every: .milliseconds(100)
                ) {
                    let wanted = Self.domains(try source.position(try source.anyNode()))
                    var lag: LabError?
                    var sum = 0
                    for node in clusters.flatMap(\.nodes) where node.isRunning {
                        let held = Self.domains(try (node.name.hasPrefix("a") ? a : b).position(node))
                        sum += held.values.reduce(0, +)
                        for (domain, sequence) in wanted where (held[domain] ?? 0) < sequence {
                            lag = LabError("\(node.name) is at \(held), wanted \(wanted)")
                        }
                    }
                    furthest = max(furthest, sum)
                    if let lag { throw lag }
                    return true
                }
                return
            } catch { if furthest <= before { throw error } }
        }
    }

    /// Domain → sequence, without the nodes' own domains.
    private static func domains(_ position: String) -> [Int: Int] {
        var domains: [Int: Int] = [:]
        for gtid in position.split(separator: ",") {
            let parts = gtid.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
            if parts.count == 3, parts[0] < 100 { domains[parts[0]] = parts[2] }
        }
        return domains
    }

    /// Compares every table of the application's schema row by row on all running nodes.
    ///
    /// - Returns: the number of rows compared on each.
    @discardableResult
    public func requireEqual() throws -> Int {
        var first: (node: GaleraNode, tables: [String: TableContent])?
        for node in clusters.flatMap(\.nodes) where node.isRunning {
            let session = try node.administrator()
            defer { session.close() }
            var tables: [String: TableContent] = [:]
            for name in try Self.tableNames(session) {
                var content = TableContent()
                try Self.eachRow(of: name, session) { content.add($0) }
                tables[name] = content
            }
            guard let known = first else {
                first = (node, tables)
                continue
            }
            guard Set(known.tables.keys) == Set(tables.keys) else {
                throw LabError(
                    "\(node.name) has the tables \(tables.keys.sorted()), \(known.node.name) \(known.tables.keys.sorted())"
                )
            }
            for (table, content) in known.tables where tables[table] != content {
                throw try difference(in: table, known.node, node)
            }
        }
        return first?.tables.values.reduce(0) { $0 + $1.rows } ?? 0
    }

    /// So many rows, and a sum over them that does not depend on their order.
    private struct TableContent: Equatable {
        var rows = 0
        private var sum = 0

        mutating func add(_ row: String) {
            rows += 1
            sum &+= row.hashValue
        }
    }

    private static func tableNames(_ session: SQLSession) throws -> [String] {
        try session.query(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\(LabNode.schema)' AND TABLE_TYPE = 'BASE TABLE'"
        ).rows.compactMap { $0[0] }
    }

    private static func eachRow(of table: String, _ session: SQLSession, _ body: (String) -> Void) throws {
        try session.stream("SELECT * FROM \(LabNode.schema).`\(table)`") { row in
            body((0..<row.count).map { row[$0] ?? "NULL" }.joined(separator: "|"))
        }
    }

    private func difference(in table: String, _ one: GaleraNode, _ other: GaleraNode) throws -> LabError {
        let rows = try [one, other].map { node in
            let session = try node.administrator()
            defer { session.close() }
            var rows: Set<String> = []
            try Self.eachRow(of: table, session) { rows.insert($0) }
            return rows
        }
        return LabError(
            "\(table): \(one.name) has \(rows[0].count) rows and \(other.name) \(rows[1].count); only at \(one.name): "
                + "\(rows[0].subtracting(rows[1]).sorted().prefix(5)); only at \(other.name): "
                + "\(rows[1].subtracting(rows[0]).sorted().prefix(5))")
    }
}
