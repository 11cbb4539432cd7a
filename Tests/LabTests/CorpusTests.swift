import Foundation
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// What applications do to a database arrives at every node as it was.
    @Suite struct CorpusTests {
        @Test func everyKindOfStatementArrives() throws {
            try LabTests.withCluster("corpus", settings: [:]) { cluster in
                let leader = try cluster.leader()
                let data = leader.folder + "/load.csv"
                try (1...20_000).map { "\($0),line \($0),\($0 * 7)" }.joined(separator: "\n")
                    .write(toFile: data, atomically: true, encoding: .utf8)
                try Lab.run(
                    "mariadb", ["--socket=\(leader.socket)", "--local-infile=1"],
                    input: try LabTests.corpus("statements.sql") + """

                        CREATE TABLE corpus.loaded (id INT PRIMARY KEY, t VARCHAR(40), n INT);
                        LOAD DATA LOCAL INFILE '\(data)' INTO TABLE corpus.loaded FIELDS TERMINATED BY ',';
                        CREATE TABLE corpus.blobs (id INT PRIMARY KEY, b LONGBLOB);
                        INSERT INTO corpus.blobs VALUES (1, REPEAT(x'00ff10', 22369621));
                        INSERT INTO corpus.blobs VALUES (2, REPEAT('0123456789abcdef', 1048576 - 8));
                        UPDATE corpus.blobs SET id = 3 WHERE id = 2;
                        """)
                for schema in ["corpus", "corpus_other", "mysql_is_not_compared"].prefix(2) {
                    try cluster.requireEqual(schema: schema)
                }
                let wanted = try describe(leader)
                #expect(wanted.count > 25)
                for node in try cluster.followers() {
                    let found = try describe(node)
                    for (name, text) in wanted { #expect(found[name] == text, "\(name) on \(node.id)") }
                    #expect(found.count == wanted.count)
                }
            }
        }

        /// Everything that is defined, as the server shows it.
        private func describe(_ node: LabNode) throws -> [String: String] {
            let session = try node.administrator()
            var shown: [String: String] = [:]
            func show(_ kind: String, _ name: String, column: Int) throws {
                let row = try session.query("SHOW CREATE \(kind) \(name)").rows.first ?? []
                // How far AUTO_INCREMENT was reserved ahead differs from server to server, as under MariaDB's own replication.
                let text = column < row.count ? row[column] ?? "NULL" : "missing"
                shown["\(kind) \(name)"] = text.replacing(#/ AUTO_INCREMENT=\d+/#, with: "")
            }
            let tables = try session.query(
                "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA LIKE 'corpus%'"
            ).rows
            for row in tables {
                try show(
                    row[2] == "VIEW" ? "VIEW" : row[2] == "SEQUENCE" ? "SEQUENCE" : "TABLE",
                    "`\(row[0] ?? "")`.`\(row[1] ?? "")`", column: 1)
            }
            for row in try session.query(
                "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'corpus'"
            ).rows {
                try show(row[0] ?? "", "corpus.\(row[1] ?? "")", column: 2)
            }
            for row in try session.query(
                "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'corpus'"
            ).rows {
                try show("TRIGGER", "corpus.\(row[0] ?? "")", column: 2)
            }
            for schema in ["corpus", "corpus_other"] { try show("DATABASE", schema, column: 1) }
            for row in try session.query("SHOW GRANTS FOR reader@'%'").rows.enumerated() {
                shown["grant \(row.offset)"] = row.element[0]
            }
            let sequence = try session.query("SELECT next_not_cached_value FROM corpus.numbers").scalar
            shown["sequence"] = sequence
            return shown
        }
    }
}
