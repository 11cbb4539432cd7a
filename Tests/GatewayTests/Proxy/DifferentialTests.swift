import ClusterCore
import Foundation
import Gateway
import LabSupport
import MariaDBClient
import Testing

/// The same session at a server and through the proxy at its twin gives the same answers. `WOLFSCALE_DIFFERENTIAL` is the number of
/// statements, `WOLFSCALE_DIFFERENTIAL_SEED` another seed than those that always run, `WOLFSCALE_DIFFERENTIAL_POOL` is `proxy.pool` (else
/// odd seeds have one).
@Suite("The proxy against the server itself", .serialized) struct DifferentialTests {
    @Test("Random sessions, in text and prepared, right and wrong")
    func sameAnswers() async throws {
        let environment = ProcessInfo.processInfo.environment
        let asked = environment["WOLFSCALE_DIFFERENTIAL"].flatMap { Int($0) }
        let one = environment["WOLFSCALE_DIFFERENTIAL_SEED"].flatMap { UInt64($0) }
        // The last one leaves a READ ONLY transaction by SET autocommit = 1.
        let runs: [(seed: UInt64, count: Int)] = one.map { [($0, 600)] } ?? [(1, 600), (2, 600), (142, 2_000)]
        for (seed, usual) in runs {
            let count = asked ?? usual
            let pool = environment["WOLFSCALE_DIFFERENTIAL_POOL"].flatMap { Int($0) } ?? Int(seed % 2) * 4
            print("differential test: \(count) statements, seed \(seed), a pool of \(pool)")
            try await MariaDBServer.withServer(id: 7, options: SharedServer.options) { plain in
                try await MariaDBServer.withServer(id: 7, options: SharedServer.options) { twin in
                    try await Self.compare(plain, twin, count: count, seed: seed, pool: pool)
                }
            }
        }
    }

    private static func compare(
        _ plain: MariaDBServer, _ twin: MariaDBServer, count: Int, seed: UInt64, pool: Int
    ) async throws {
        do {
            for server in [plain, twin] { try await ProxyFixture.makeAccounts(server) }
            for server in [plain, twin] { try await server.sql(Self.schema) }
            try await ProxyFixture.with(leader: twin, replica: twin) {
                $0.readConsistency = .eventual
                $0.poolMax = pool
            } _: { fixture in
                var generator = SplitMix64(seed: seed)
                var done = 0
                while done < count {
                    let length = Int.random(in: 5...120, using: &generator)
                    var steps: [Step] = []
                    for _ in 0..<length {
                        let step = Step.random(&generator)
                        // What is asked about a statement must be asked right after it (OPERATIONS, "What goes where").
                        if step.asksBack, steps.last?.usesTables != true { continue }
                        // FOUND_ROWS() is about the last SELECT, which may have run at the replica before a write at the leader.
                        if step.text.contains("FOUND_ROWS()"), steps.last?.text.hasPrefix("SELECT") != true { continue }
                        // Nor is what a READ ONLY transaction refuses when it runs at a replica (same place).
                        if step.usesSessionState, Self.mayRead(steps) { continue }
                        // Nor can the proxy know beforehand that this will fail and so end no transaction at the replica.
                        if step.endsTransaction, Self.mayRead(steps) { continue }
                        steps.append(step)
                    }
                    let script = steps
                    async let one = withSession(ProxyFixture.direct(plain)) { session in Self.play(script, session) }
                    async let two = withSession(fixture.configuration) { session in Self.play(script, session) }
                    let (wanted, found) = try await (one, two)
                    for (index, (first, second)) in zip(wanted, found).enumerated() where first != second {
                        // After one that failed it is about an earlier one, which may have run at the other server.
                        if script[index].text.contains("FOUND_ROWS()"), index > 0,
                            wanted[index - 1].hasPrefix("server ")
                        {
                            continue
                        }
                        let before = script.prefix(index + 1).suffix(60).map(\.text).joined(separator: "\n  ")
                        Issue.record("seed \(seed): after\n  \(before)\nwanted \(first)\nfound  \(second)")
                        return
                    }
                    done += length
                }
            }
        }
    }

    /// Whether a READ ONLY transaction may be open after these steps.
    private static func mayRead(_ steps: [Step]) -> Bool {
        for step in steps.reversed() {
            if step.text == "START TRANSACTION READ ONLY" { return true }
            if ["BEGIN", "COMMIT", "ROLLBACK"].contains(step.text) { return false }
        }
        return false
    }

    private static let schema = """
        DROP DATABASE IF EXISTS shop; CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop;
        CREATE TABLE a (id INT AUTO_INCREMENT PRIMARY KEY, n INT, s VARCHAR(30), d DECIMAL(8,3), t DATETIME, UNIQUE (n));
        CREATE TABLE b (id INT PRIMARY KEY, v TEXT) ENGINE=InnoDB;
        CREATE VIEW w AS SELECT id, n FROM a WHERE n > 5;
        CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC RETURN x * 2;
        DELIMITER //
        CREATE FUNCTION g(x INT) RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO b VALUES (x, 'g')
            ON DUPLICATE KEY UPDATE v = CONCAT(v, '.'); RETURN x; END//
        DELIMITER ;
        """

    struct Step: Sendable {
        var text: String
        /// Nil for a text statement.
        var parameters: [SQLValue]?

        var asksBack: Bool {
            ["WARNINGS", "warning_count", "FOUND_ROWS()", "ROW_COUNT()"].contains { text.contains($0) }
        }
        var usesSessionState: Bool {
            let names = [
                "DO ", "_LOCK(", "PREPARE", "EXECUTE", "TEMPORARY", " tt", "SELECT @", "SET @", " @x", "CALL",
                "LAST_INSERT_ID", "SET timestamp", "SET ROLE",
            ]
            return names.contains { text.contains($0) } && !text.contains("@@")
        }
        /// Were it not refused for a missing table or right, which the proxy does not know.
        var endsTransaction: Bool {
            ["LOCK TABLES", "ALTER", "CREATE TABLE", "DROP TABLE", "TRUNCATE"].contains { text.hasPrefix($0) }
        }
        var usesTables: Bool {
            ["INSERT", "UPDATE", "DELETE", "REPLACE"].contains { text.hasPrefix($0) }
                || (text.hasPrefix("SELECT") && text.contains(" FROM "))
        }

        static func random(_ generator: inout SplitMix64) -> Step {
            let n = Int.random(in: 0...30, using: &generator)
            let m = Int.random(in: 0...30, using: &generator)
            let pick = Int.random(
                in: 0..<(DifferentialTests.texts.count + DifferentialTests.prepared.count), using: &generator)
            if pick < DifferentialTests.texts.count {
                return Step(
                    text: DifferentialTests.texts[pick].replacingOccurrences(of: "{n}", with: "\(n)")
                        .replacingOccurrences(of: "{m}", with: "\(m)"))
            }
            let (text, kinds) = DifferentialTests.prepared[pick - DifferentialTests.texts.count]
            let parameters: [SQLValue] = kinds.map { kind in
                switch kind {
                case "i": Bool.random(using: &generator) ? .int64(Int64(n)) : .null
                case "s": .string("text \(m) é '\\")
                default: .double(Double(n) / 7)
                }
            }
            return Step(text: text, parameters: parameters)
        }
    }

    fileprivate static let texts = [
        "SELECT * FROM a ORDER BY id", "SELECT id, n, s FROM a WHERE n = {n}", "SELECT COUNT(*), SUM(d) FROM a",
        "INSERT INTO a (n, s, d) VALUES ({n}, 'x{m}', {m}.5)",
        "INSERT IGNORE INTO a (n, s) VALUES ({n}, 'i'), ({m}, 'j')",
        "INSERT INTO a (n, s) VALUES ({n}, REPEAT('y', {m}000))", "UPDATE a SET d = d + 1 WHERE n < {n}",
        "UPDATE a SET n = {m} WHERE n = {n}", "DELETE FROM a WHERE n = {n}", "DELETE FROM a WHERE n > 20",
        "REPLACE INTO b VALUES ({n}, 'b{m}')", "INSERT INTO b VALUES ({n}, NULL) ON DUPLICATE KEY UPDATE v = 'dup'",
        "INSERT INTO b VALUES ({n}, 'r') RETURNING id, v", "SELECT LAST_INSERT_ID()", "SELECT ROW_COUNT()",
        "SELECT FOUND_ROWS()", "SELECT SQL_CALC_FOUND_ROWS id FROM a LIMIT 2", "SHOW WARNINGS",
        "SHOW COUNT(*) WARNINGS",
        "SELECT @@warning_count", "SELECT 1 / 0", "SELECT CAST('abc' AS INT)", "SELECT f({n}), f(id) FROM b",
        "SELECT g({n})", "SELECT * FROM w ORDER BY id", "SELECT * FROM nowhere", "SELECT nothing FROM a", "SELEC 1", "",
        "INSERT INTO a (nothing) VALUES (1)", "BEGIN", "START TRANSACTION READ ONLY", "COMMIT", "ROLLBACK",
        "SAVEPOINT s{n}",
        "ROLLBACK TO s{n}", "SET autocommit = 0", "SET autocommit = 1", "SET @x = {n}", "SELECT @x, @y",
        "SELECT @y := @x + id FROM b ORDER BY id", "SELECT id INTO @x FROM b LIMIT 1", "SET sql_mode = 'ANSI_QUOTES'",
        "SET sql_mode = ''", "SET sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES'", "SELECT 'a\\' , 'b'",
        "SELECT \"a\", 'it''s'", "SET NAMES latin1", "SET NAMES utf8mb4", "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
        "SELECT 'é' = 'É', CHAR_LENGTH('é')", "SET time_zone = '+0{n}:00'", "SET time_zone = '+00:00'",
        "SELECT FROM_UNIXTIME(86400)", "SET character_set_results = NULL", "SET character_set_results = utf8mb4",
        "CREATE TEMPORARY TABLE IF NOT EXISTS tt (a INT)", "INSERT INTO tt VALUES ({n})", "SELECT COUNT(*) FROM tt",
        "DROP TEMPORARY TABLE IF EXISTS tt", "CREATE TABLE c{n} (a INT)", "DROP TABLE IF EXISTS c{n}", "SHOW TABLES",
        "USE shop", "USE information_schema", "SELECT DATABASE()", "SELECT COUNT(*) FROM shop.a", "DESCRIBE shop.a",
        "PREPARE p FROM 'SELECT ? + {n}'", "EXECUTE p USING @x", "DEALLOCATE PREPARE p", "LOCK TABLES a READ, b WRITE",
        "UNLOCK TABLES", "SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE",
        "SET TRANSACTION READ ONLY", "SELECT @@tx_isolation, @@sql_mode, @@autocommit, @@time_zone",
        "SET STATEMENT max_statement_time = 10 FOR SELECT {n}", "SELECT /*!50000 {n} + */ 1",
        "/* c */ SELECT -- x\n {n}",
        "WITH q AS (SELECT {n} AS z) SELECT * FROM q, a WHERE q.z = a.n", "(SELECT 1) UNION (SELECT {m}) ORDER BY 1",
        "SELECT * FROM a WHERE n = {n} FOR UPDATE", "SELECT n FROM a LOCK IN SHARE MODE", "DO 1", "HELP 'nothing'",
        "SELECT GET_LOCK('l{n}', 0), IS_USED_LOCK('l{n}') IS NULL", "SELECT RELEASE_LOCK('l{n}')",
        "CALL nowhere()", "KILL 0", "SET nothing = 1", "ANALYZE TABLE a", "TRUNCATE TABLE b",
        "SET @wolfscale_ignored = 1",
        "SELECT JSON_OBJECT('a', {n}), HEX('{m}'), CONCAT_WS('-', {n}, NULL, {m})", "SET timestamp = 1000000{n}",
        "SELECT NOW() > '2001-01-01', UNIX_TIMESTAMP() > 2000000000", "SET timestamp = DEFAULT",
        "ALTER TABLE b COMMENT 'c{n}'",
    ]

    fileprivate static let prepared: [(String, [Character])] = [
        ("SELECT * FROM a WHERE n = ? ORDER BY id", ["i"]),
        ("INSERT INTO a (n, s, d) VALUES (?, ?, ?)", ["i", "s", "d"]),
        ("UPDATE a SET s = ? WHERE n < ?", ["s", "i"]), ("DELETE FROM a WHERE n = ?", ["i"]),
        ("SELECT ?, ?, ?", ["i", "s", "d"]), ("SELECT * FROM nowhere WHERE id = ?", ["i"]),
        ("REPLACE INTO b VALUES (?, ?)", ["i", "s"]), ("SELECT g(?)", ["i"]),
        ("SELECT COUNT(*) FROM a WHERE s = ?", ["s"]),
        ("SELECT v FROM b WHERE id = ? FOR UPDATE", ["i"]), ("SET @x = ?", ["i"]), ("SELECT ROW_COUNT()", []),
        ("SHOW TABLES", []), ("SELECT @x", []),
    ]

    /// What a session was told, one text a step.
    private static func play(_ steps: [Step], _ session: SQLSession) -> [String] {
        var answers: [String] = []
        for step in steps {
            do throws(SQLError) {
                let result: SQLResult
                if let parameters = step.parameters {
                    result = try session.execute(step.text, parameters)
                } else {
                    result = try session.query(step.text)
                }
                answers.append(
                    "\(result.columns) \(result.rows) \(result.affectedRows) \(result.lastInsertID) \(result.warnings) "
                        + "\(session.isInTransaction)")
            } catch {
                answers.append("\(error.kind) \(error.errno) \(error.sqlState) \(error.message)")
            }
        }
        return answers
    }
}
