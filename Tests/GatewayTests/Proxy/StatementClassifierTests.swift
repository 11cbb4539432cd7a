import ClusterCore
import Testing

@testable import Gateway

@Suite("Where a statement goes") struct StatementClassifierTests {
    private func summary(_ text: String, _ dialect: SQLDialect = []) -> StatementSummary {
        var text = text
        return text.withUTF8 { StatementClassifier.summarize(UnsafeRawBufferPointer($0), dialect: dialect) }
    }

    @Test(
        "A read without side effects may be answered by a replica",
        arguments: [
            "SELECT 1", "select * from t", "SELECT c FROM sbtest1 WHERE id=42",
            "SELECT DISTINCT c FROM sbtest1 WHERE id BETWEEN 1 AND 100 ORDER BY c",
            "SELECT SUM(k) FROM sbtest1 WHERE id BETWEEN ? AND ?", "(SELECT 1) UNION (SELECT 2)",
            "SELECT a FROM t WHERE b IN (1, 2) AND (c = 3 OR NOT (d)) GROUP BY a HAVING (COUNT(*) > 1)",
            "WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x", "SELECT /*+ hint */ 1", "SELECT 1 -- FOR UPDATE",
            "SELECT 1 # INTO @x", "SELECT 1 /* FOR UPDATE */", "SELECT 'a''FOR UPDATE' FROM t",
            "SELECT \"it's FOR UPDATE\"", "SELECT 'x\\' FOR UPDATE'", "SELECT `for` FROM `update`",
            "SELECT NOW(), CURDATE(), DATE_ADD(a, INTERVAL 1 DAY) FROM t", "SELECT COUNT (*) FROM t",
            "SELECT a FROM t USE INDEX (i) WHERE a = 1", "SELECT t.*, IF(a, b, c) FROM t PARTITION (p0)",
            "SELECT CAST(a AS DECIMAL(10,2)), CONVERT(b, CHAR(3)) FROM t", "SELECT 1;", "SELECT 1; SELECT 2",
            "SELECT REPLACE(a, 'x', 'y'), TIMESTAMP('2020-01-01') FROM t", "VALUES (1, 2), (3, 4)",
            "SELECT RANK() OVER (PARTITION BY a ORDER BY b) FROM t", "SELECT 1e+5, .5, 0x1F, x'41', N'a', _utf8'b'",
            "SELECT 5--1", "  \n\t SELECT 1",
        ])
    func reads(text: String) {
        let summary = summary(text)
        #expect(summary.route == .replica && summary.verb == .select && summary.effects.isEmpty, "\(summary)")
    }

    @Test(
        "Everything that is not certainly a read goes to the leader",
        arguments: [
            "INSERT INTO t VALUES (1)", "UPDATE t SET a = 1", "DELETE FROM t", "REPLACE INTO t VALUES (1)",
            "CREATE TABLE t (a INT)", "SELECT * FROM t FOR UPDATE", "SELECT * FROM t LOCK IN SHARE MODE",
            "SELECT * FROM t INTO OUTFILE '/tmp/x'", "SELECT 1 INTO @x", "SELECT @x", "SELECT @x := 1",
            "SELECT my_function(1)", "SELECT shop.f(1)", "SELECT `f`(1)", "SELECT `shop`.`f` (1)",
            "SELECT GET_LOCK('a', 1)", "SELECT SLEEP(1)", "SELECT UUID()", "SELECT RAND()", "SELECT LAST_INSERT_ID()",
            "SELECT NEXTVAL(s)", "SELECT NEXT VALUE FOR s", "SELECT PREVIOUS VALUE FOR s",
            "SELECT SQL_CALC_FOUND_ROWS * FROM t", "SELECT /*! FOR UPDATE */ 1", "SELECT 1 /*M!100100 INTO @x */",
            "/*! SET */ SELECT 1", "SELECT 'unfinished", "SELECT 1 /* unfinished", "SELECT `unfinished",
            "WITH x AS (SELECT 1) DELETE FROM t", "SELECT 1; INSERT INTO t VALUES (1)", "CALL p()", "DO SLEEP(1)",
            "LOCK TABLES t READ", "BEGIN", "COMMIT", "HANDLER t OPEN", "XA START 'a'", "EXPLAIN SELECT 1", "nonsense",
            "", ";;", "SELECT LOAD_FILE('/etc/passwd')", "SELECT MASTER_GTID_WAIT('0-1-1')", "SELECT DEFAULT(a) FROM t",
            "SELECT * FROM t PROCEDURE ANALYSE()", "SELECT USER()", "SELECT CONNECTION_ID()", "SELECT f/**/(1)",
            "SELECT \"FOR\" FOR UPDATE", "SET @x = 1", "SET GLOBAL x = 1", "SET @@global.x = 1", "SET x = f()",
            "SET STATEMENT max_statement_time = 1 FOR INSERT INTO t VALUES (1)", "SET PASSWORD = 'x'",
        ])
    func leader(text: String) {
        #expect(summary(text).route == .leader, "\(summary(text))")
    }

    @Test(
        "What asks about the statement before goes where that went",
        arguments: [
            "SHOW WARNINGS", "SHOW COUNT(*) ERRORS", "SELECT @@warning_count", "SELECT @@session.error_count",
            "SELECT FOUND_ROWS()",
            "SELECT ROW_COUNT()",
        ])
    func before(text: String) { #expect(summary(text).route == .asBefore) }

    @Test(
        "What may differ between members is the leader's to answer, while there is one",
        arguments: [
            "SHOW TABLES", "SELECT @@version", "SET NAMES utf8mb4", "SET autocommit = 1", "USE shop",
            "SET SESSION sql_mode = 'ANSI'", "SET character_set_results = NULL, sql_mode = CONCAT_X",
        ])
    func anywhere(text: String) { #expect(summary(text).route == .anywhere, "\(summary(text))") }

    @Test("Quotes follow the session's SQL mode")
    func dialects() {
        #expect(summary("SELECT \"a' FOR UPDATE \"").route == .replica)
        #expect(summary("SELECT \"f\"(1)").route == .replica)
        #expect(summary("SELECT \"f\"(1)", .ansiQuotes).route == .leader)
        #expect(summary("SELECT 'a\\' FOR UPDATE").route == .leader)
        #expect(summary("SELECT 'a\\' FOR UPDATE", .noBackslashEscapes).route == .leader)
        #expect(summary("SELECT 'a\\', ' FOR UPDATE '").route == .leader)
        #expect(summary("SELECT 'a\\', ' FOR UPDATE '", .noBackslashEscapes).route == .replica)
    }

    @Test("Transactions, settings and kills are known")
    func verbs() {
        #expect(summary("START TRANSACTION READ ONLY").verb == .beginReadOnly)
        #expect(summary("start transaction with consistent snapshot, read only").verb == .beginReadOnly)
        #expect(summary("START TRANSACTION READ WRITE").verb == .begin)
        #expect(summary("BEGIN WORK").verb == .begin)
        #expect(summary("KILL QUERY 12").verb == .kill(query: true, id: 12))
        #expect(summary("KILL HARD CONNECTION 7").verb == .kill(query: false, id: 7))
        #expect(summary("KILL USER 'a'").verb == .other)
        let kill = summary("KILL  42")
        #expect(kill.idRange == 6..<8)
        #expect(summary("CREATE TEMPORARY TABLE t (a INT)").effects.contains(.temporaryTable))
        #expect(summary("SET TRANSACTION READ ONLY").effects.contains(.nextTransaction))
        #expect(summary("SET timestamp = 5").effects.contains(.leaderOnly))
        #expect(summary("SET ROLE r").effects.contains(.leaderOnly))
        #expect(summary("SET SESSION session_track_system_variables = 'last_gtid'").effects.contains(.tracking))
        #expect(summary("SET @a = 1").effects.contains(.userVariables))
        #expect(summary("SELECT GET_LOCK('a', 1)").effects.contains(.serverState))
        #expect(summary("LOCK TABLES a READ").effects.contains(.tableLocks))
        for text in ["SELECT LAST_INSERT_ID()", "SELECT @@identity", "SELECT @@session.last_insert_id"] {
            #expect(summary(text).effects == .lastInsertID)
        }
        #expect(summary("SELECT identity, last_insert_id FROM t").effects.isEmpty)
        #expect(summary("UNLOCK TABLES").verb == .unlockTables)
        for text in ["BEGIN", "START TRANSACTION", "LOCK TABLES a READ", "CREATE TABLE t (a INT)", "TRUNCATE t"] {
            #expect(summary(text).effects.contains(.endsTransaction), "\(text)")
        }
        for text in ["START TRANSACTION READ ONLY", "CREATE TEMPORARY TABLE t (a INT)", "DELETE FROM t", "COMMIT"] {
            #expect(!summary(text).effects.contains(.endsTransaction), "\(text)")
        }
    }

    @Test("Settings for the proxy are read")
    func settings() {
        let one = summary("SET @wolfscale_consistency = 'leader'")
        #expect(one.verb == .proxySetting && one.consistency == "leader")
        #expect(summary("set @WOLFSCALE_consistency := eventual;").consistency == "eventual")
        let both = summary("SET @wolfscale_after = '0-1-42', @wolfscale_consistency = 'causal'")
        #expect(both.verb == .proxySetting && both.after == "0-1-42" && both.consistency == "causal")
        let mixed = summary("SET @wolfscale_after = '0-1-42', @x = 1")
        #expect(mixed.verb == .set && mixed.after == "0-1-42" && mixed.route == .leader)
    }

    @Test("No bytes make the classifier trap, and broken quotes never stay with the replica")
    func fuzz() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix64(seed: seed)
        let pieces = [
            "SELECT", "'", "\"", "`", "\\", "/*", "*/", "/*!", "--", "#", "\n", "@", "@@", ";", "(", ")", "FOR", "INTO",
            "1e", "+", "0x", ".", "SET", "KILL", "@wolfscale_after", "=", ",", " ", "\u{0}", "é", "a",
        ]
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...12, using: &generator)
            let text = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            for dialect in [SQLDialect(), .ansiQuotes, .noBackslashEscapes, [.ansiQuotes, .noBackslashEscapes]] {
                let found = summary(text, dialect)
                if found.effects.contains(.opaque) { #expect(found.route == .leader, "seed \(seed): \(text)") }
            }
        }
    }
}
