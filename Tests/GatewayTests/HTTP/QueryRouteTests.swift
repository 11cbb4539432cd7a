import Foundation
import HTTPTypes
import HummingbirdTesting
import LabSupport
import MariaDBClient
import Synchronization
import Testing

@testable import Gateway

extension TestClientProtocol {
    /// `POST /query`; more members of the body, and headers, as wanted.
    func query(_ sql: String, _ more: String = "", headers: HTTPFields = [:], path: String = "/query") async throws
        -> TestResponse
    {
        try await post(
            path, "{\"sql\": \(JSONValue.string(sql).text)\(more.isEmpty ? "" : ", " + more)}", headers: headers)
    }
}

@Suite("Queries by HTTP") struct QueryRouteTests {
    @Test("Columns, rows and a position")
    func simple() async throws {
        try await withLeader("q_simple", tables: ["CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20))"]) {
            client, _, _ in
            let written = try await client.post(
                "/write/insert", #"{"table": "t", "values": {"id": 1, "name": "Zoë \"x\"\n"}}"#)
            let gtid = try #require(try written.decoded(WriteAnswer.self).gtid)
            let answer = try await client.query(
                "SELECT id, name, ? AS p FROM t WHERE id = ?", #""params": [null, 1], "after": "\#(gtid)""#)
            #expect(answer.status == .ok)
            #expect(
                answer.text == """
                    {"columns":[{"name":"id","type":"INT"},{"name":"name","type":"VARCHAR"},{"name":"p","type":"NULL"}],\
                    "gtid":"\(gtid)","rows":[[1,"Zoë \\"x\\"\\n",null]],"truncated":false}
                    """)
            #expect(answer.headers[.contentType] == "application/json" && answer.headers[.contentLength] != nil)
            let lines = try await client.query(
                "SELECT 1 AS a UNION SELECT 2", headers: [.accept: "text/html, application/x-ndjson;q=0.9"])
            #expect(lines.headers[.contentType] == "application/x-ndjson")
            #expect(
                lines.text == """
                    {"columns":[{"name":"a","type":"INT"}],"gtid":"\(gtid)"}
                    [1]
                    [2]
                    {"rows":2,"truncated":false}\n
                    """)
            let empty = try await client.query("SELECT id FROM t WHERE id > 1")
            #expect(empty.text.contains(#""rows":[],"truncated":false}"#))
        }
    }

    @Test(
        "What only reads is taken",
        arguments: [
            "SELECT 1", "(SELECT 1)", "WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1), (2)", "SHOW TABLES",
            "DESCRIBE t", "EXPLAIN SELECT 1",
            "SELECT ';' -- ; COMMIT", "SELECT 1;", "SELECT SUBSTRING('abc' FROM 1 FOR 2)", "SELECT UUID()",
            "SELECT SLEEP(0)",
            "SELECT id FROM t FORCE INDEX FOR JOIN (PRIMARY)", "SHOW CREATE TABLE t", "SELECT LAST_INSERT_ID()",
            "SELECT q_reads.f()",
        ])
    func reads(_ sql: String) async throws {
        try await withLeader(
            "q_reads",
            tables: ["CREATE TABLE t (id INT PRIMARY KEY)", "CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 7"]
        ) {
            client, _, _ in
            let answer = try await client.query(sql)
            #expect(answer.status == .ok, "\(sql): \(answer.text)")
        }
    }

    @Test(
        "What may write is refused: by its text, or by the server",
        arguments: [
            "INSERT INTO t VALUES (1)", "DELETE FROM t", "CREATE TABLE x (a INT)", "COMMIT", "SET GLOBAL read_only = 0",
            "SET @a = 1",
            "SELECT 1; DELETE FROM t", "SELECT 1 INTO OUTFILE '/tmp/never'", "SELECT 1 INTO @a", "SELECT @a := 1",
            "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM t LOCK IN SHARE MODE", "SELECT GET_LOCK('a', 1)", "SELECT NEXTVAL(s)",
            "SELECT NEXT VALUE FOR s", "/*! DELETE FROM t */",
            "SELECT 1 /*!; DELETE FROM t */", "SELECT 'x", "", "CALL p()", "SELECT f()",
            "SET STATEMENT max_statement_time = 1 FOR SELECT 1",
            "WITH a AS (SELECT 1) DELETE FROM t", "ANALYZE DELETE FROM t", "ANALYZE TABLE t", "DO SLEEP(1)",
            "LOCK TABLES t READ", "FLUSH TABLES",
            "HANDLER t OPEN", "KILL 1", "START TRANSACTION", "EXECUTE IMMEDIATE 'DELETE FROM t'",
            "SELECT setval(s, 100)", "LOAD DATA INFILE 'x' INTO TABLE t",
            "TRUNCATE t", "OPTIMIZE TABLE t", "USE mysql", "XA START 'a'", "BEGIN NOT ATOMIC DELETE FROM t; END",
        ])
    func writes(_ sql: String) async throws {
        let tables = [
            "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (5)", "CREATE SEQUENCE s",
            "CREATE PROCEDURE p() DELETE FROM t",
            "CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN DELETE FROM t; RETURN 1; END",
        ]
        try await withLeader("q_writes", tables: tables) { client, _, runner in
            let answer = try await client.query(sql)
            #expect(answer.status == .badRequest, "\(sql): \(answer.text)")
            #expect(try await runner.query("SELECT id FROM t").rows == [["5"]])
        }
    }

    @Test("Errors are the server's, with a status that tells what to do")
    func errors() async throws {
        try await withLeader("q_errors", tables: []) { client, cluster, _ in
            let cases: [(String, String, Int, UInt32?)] = [
                ("SELECT * FROM none", "", 422, 1146), ("SELECT none", "", 422, 1054), ("SELECT", "", 400, 1064),
                ("SELECT ?", "", 400, nil), ("SELECT 1", #""params": [1]"#, 400, nil),
                ("SELECT 1", #""after": "x""#, 400, nil), ("SELECT 1", #""consistency": "strong""#, 400, nil),
                ("SELECT 1", #""after": "0-1-1", "consistency": "eventual""#, 400, nil),
                ("SELECT 1", #""schema": "a`b""#, 400, nil), ("SELECT 1", #""schema": "none""#, 422, 1049),
                ("SELECT 1", #""timeout_ms": 0"#, 400, nil), ("SELECT 1", #""unknown": 0"#, 400, nil),
                ("SELECT 1", #""max_rows": -1"#, 400, nil),
                ("SELECT (SELECT 1 UNION SELECT 2)", "", 500, 1242),
            ]
            for (sql, more, status, errno) in cases {
                let answer = try await client.query(sql, more)
                #expect(Int(answer.status.code) == status, "\(sql) \(more): \(answer.text)")
                #expect(try answer.problem.errno == errno, "\(answer.text)")
            }
            #expect(try await client.query("SELECT 1", path: "/query?big_integers=x").status == .badRequest)
            cluster.state.withLock { $0.places = ReadPlaces(reason: "Nobody leads.") }
            let nowhere = try await client.query("SELECT 1")
            #expect(nowhere.status == .serviceUnavailable)
            #expect(try nowhere.problem.detail == "Nobody leads. Nothing was read.")
        }
    }

    @Test("A schema holds for one query only")
    func schema() async throws {
        try await withLeader("q_schema", tables: []) { client, _, _ in
            for _ in 0..<5 {
                let named = try await client.query("SELECT DATABASE()", #""schema": "mysql""#)
                #expect(named.text.contains(#"[["mysql"]]"#))
                let configured = try await client.query("SELECT DATABASE()")
                #expect(configured.text.contains(#"[["q_schema"]]"#))
            }
        }
    }

    @Test(
        "Rows beyond max_rows are left out, and said to be",
        arguments: [
            ("SELECT seq FROM seq_1_to_5", 5, false), ("SELECT seq FROM seq_1_to_6", 5, true),
            ("SELECT seq FROM seq_1_to_100000", 5, true),
            ("SELECT seq FROM seq_1_to_100000 LIMIT 90000", 5, true), ("SELECT seq FROM seq_1_to_3", 0, true),
            ("SELECT seq FROM seq_1_to_3 WHERE seq > 3", 0, false),
        ])
    func limit(_ sql: String, _ most: Int, _ isTruncated: Bool) async throws {
        try await withLeader("q_limit", tables: []) { client, _, _ in
            for _ in 0..<3 {
                let answer = try await client.query(sql, "\"max_rows\": \(most)")
                #expect(answer.text.hasSuffix(",\"truncated\":\(isTruncated)}"), "\(answer.text)")
                let rows = (1...max(1, most)).map { "[\($0)]" }.joined(separator: ",")
                #expect(answer.text.contains(most == 0 ? "\"rows\":[]" : "\"rows\":[\(rows)]"), "\(answer.text)")
            }
            #expect(
                try await client.query("SELECT seq FROM seq_1_to_9").text.contains("[9]"), "the next one is not limited"
            )
        }
    }

    @Test("A query ends when its time is over")
    func timeout() async throws {
        try await withLeader("q_timeout", tables: []) { client, cluster, runner in
            let began = ContinuousClock.now
            let slow = try await client.query(
                "SELECT SUM(a.seq * b.seq) FROM seq_1_to_1000000 a, seq_1_to_1000000 b", #""timeout_ms": 200"#)
            #expect(slow.status == .gatewayTimeout, "\(slow.text)")
            #expect(try slow.problem.kind == .queryTimeout)
            #expect(ContinuousClock.now - began < .seconds(5))
            let next = try await client.query("SELECT SLEEP(0.4)")
            #expect(next.status == .ok, "the limit was that query's only: \(next.text)")
            try await MariaDBServer.eventually("nothing goes on") {
                try await runner.query(
                    "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%seq_1_to_1000000 b%' AND ID <> CONNECTION_ID()"
                ).scalar == "0"
            }
        }
    }
}
