import ClusterCore
import Foundation
import HTTPTypes
import HummingbirdTesting
import LabSupport
import MariaDBClient
import Testing

@testable import Gateway

@Suite("Transactions by HTTP") struct TransactionRouteTests {
    static let tables = [
        "CREATE TABLE accounts (id BIGINT PRIMARY KEY, balance DECIMAL(20,2) NOT NULL, version INT NOT NULL DEFAULT 1)",
        "CREATE TABLE transfers (id BIGINT PRIMARY KEY, source BIGINT, target BIGINT, amount DECIMAL(20,2))",
        "CREATE TABLE notes (id BIGINT AUTO_INCREMENT PRIMARY KEY, transfer BIGINT, note VARCHAR(50))",
        "INSERT INTO accounts VALUES (1, 100, 1), (2, 50, 1)",
    ]

    @Test("Row operations and statements are one transaction, with a result each", arguments: [true, false])
    func transfer(tracking: Bool) async throws {
        try await withLeader("x_transfer_\(tracking)", tracking: tracking, tables: Self.tables) { client, _, runner in
            let body = """
                {"operations": [
                  {"sql": "UPDATE accounts SET balance = balance - ? WHERE id = ? AND balance >= ?",
                   "params": [30.50, 1, 30.50], "expect_rows": 1},
                  {"sql": "UPDATE accounts SET balance = balance + ? WHERE id = ?", "params": [30.50, 2]},
                  {"insert": {"table": "transfers", "values": {"source": 1, "target": 2, "amount": 30.50}}},
                  {"insert": {"table": "notes", "values": {"note": "a"}}, "expect_rows": 1},
                  {"sql": "INSERT INTO notes (transfer, note) VALUES (LAST_INSERT_ID(), 'b')"},
                  {"update": {"table": "notes", "set": {"note": "c"}, "where_key": {"note": "none"}}, "expect_rows": 0},
                  {"delete": {"table": "notes", "where_key": {"note": "b"}}}
                ]}
                """
            let response = try await client.post("/write/transaction", body)
            #expect(response.status == .ok, "\(response.text)")
            let answer = try response.decoded(TransactionAnswer.self)
            #expect(answer.lsn == LSN(42) && answer.replayed == nil)
            #expect(answer.results.map(\.affectedRows) == [1, 1, 1, 1, 1, 0, 1])
            #expect(answer.results[2].id == .number(7_000_000_000_000_000_001))
            #expect(answer.results[3].id == .number(1) && answer.results[4].id == .number(2))
            #expect(try await runner.query("SELECT balance FROM accounts").rows == [["69.50"], ["80.50"]])
            let gtid = try #require(answer.gtid.flatMap { GTID($0) })
            let text = try await client.post(
                "/write/transaction?big_integers=string", body.replacing("30.50", with: "1"))
            #expect(text.text.contains(#""id":"7000000000000000002""#))
            let next = try #require(try text.decoded(TransactionAnswer.self).gtid.flatMap { GTID($0) })
            #expect(next.sequence == gtid.sequence + 1, "one transaction, one GTID")
        }
    }

    @Test("What one operation refuses undoes all of them, and is named")
    func allOrNone() async throws {
        try await withLeader("x_none", tables: Self.tables) { client, _, runner in
            let cases: [(String, Int, Int, Problem.Kind)] = [
                (#"{"insert": {"table": "accounts", "values": {"id": 1, "balance": 0}}}"#, 409, 2, .conflict),
                (#"{"insert": {"table": "accounts", "values": {"id": 4}}}"#, 422, 2, .badData),
                (#"{"sql": "UPDATE none SET a = 1"}"#, 422, 2, .badData),
                (#"{"sql": "UPDATE accounts SET"}"#, 400, 2, .badRequest),
                (
                    #"{"sql": "UPDATE accounts SET version = 2 WHERE id = 1 AND version = 7", "expect_rows": 1}"#, 409,
                    2,
                    .unexpectedRows
                ),
            ]
            for (operation, status, index, kind) in cases {
                let body = """
                    {"operations": [{"update": {"table": "accounts", "set": {"balance": 0}, "where_key": {"id": 1}}},
                     {"insert": {"table": "accounts", "values": {"id": 3, "balance": 1}}}, \(operation)]}
                    """
                let answer = try await client.post("/write/transaction", body)
                #expect(Int(answer.status.code) == status, "\(operation): \(answer.text)")
                let problem = try answer.problem
                #expect(problem.operation == index && problem.kind == kind, "\(answer.text)")
                #expect(problem.detail.hasPrefix("operations[\(index)]: "))
            }
            #expect(
                try await runner.query("SELECT id, balance FROM accounts").rows == [["1", "100.00"], ["2", "50.00"]])
        }
    }

    @Test(
        "Statements that are no change of rows are refused before anything is executed",
        arguments: [
            "COMMIT", "ROLLBACK", "BEGIN", "START TRANSACTION", "SAVEPOINT a", "XA START 'a'", "CREATE TABLE x (a INT)",
            "DROP TABLE notes", "TRUNCATE notes", "ALTER TABLE notes ADD x INT", "LOCK TABLES notes WRITE",
            "UNLOCK TABLES",
            "SET GLOBAL read_only = 0", "SET autocommit = 1",
            "SET STATEMENT max_statement_time=1 FOR DELETE FROM notes",
            "SELECT 1", "SELECT * INTO OUTFILE '/tmp/x' FROM notes", "SELECT 1 INTO DUMPFILE '/tmp/x'", "CALL p()",
            "DO SLEEP(1)", "FLUSH TABLES", "GRANT ALL ON *.* TO a", "LOAD DATA INFILE 'x' INTO TABLE notes",
            "USE mysql",
            "PREPARE s FROM 'COMMIT'", "EXECUTE IMMEDIATE 'COMMIT'", "HANDLER notes OPEN", "KILL 1", "SHUTDOWN",
            "BEGIN NOT ATOMIC COMMIT; END", "DELETE FROM notes; COMMIT", "DELETE FROM notes -- x\n; COMMIT",
            "/*! COMMIT */", "/*!50000 DELETE FROM notes */", "DELETE FROM notes WHERE note = /*! 1 */ 2", "",
            "INSERT INTO notes (note) VALUES (@a := 'x')", "INSERT INTO notes (note) VALUES (GET_LOCK('a', 1))",
            "INSERT INTO notes (note) VALUES ('x') RETURNING id", "DELETE FROM notes WHERE note = 'x", "(SELECT 1)",
            "WITH a AS (SELECT 1) SELECT * FROM a", "ANALYZE TABLE notes", "INSERT INTO notes (note) VALUES (?)",
        ])
    func foreign(_ sql: String) async throws {
        let body = """
            {"operations": [{"insert": {"table": "notes", "values": {"note": "first"}}},
             {"sql": \(JSONValue.string(sql).text)}]}
            """
        let error = #expect(throws: Problem.self) { try WriteRequest(.transaction, body: Array(body.utf8)) }
        #expect(error?.status == 400 && error?.operation == 1)
        #expect(error?.detail.contains("operations[1]: ") == true)
    }

    @Test("What the text can't tell is told by the session's SQL mode")
    func dialects() async throws {
        // With NO_BACKSLASH_ESCAPES the string ends earlier, and a second statement begins.
        let sql = #"DELETE FROM notes WHERE note = '\'; COMMIT -- '"#
        let login = try await SharedServer.schema("x_dialect")
        var modes = login
        modes.initStatements.append("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'")
        let pool = SQLPool(modes.trackingLastGTID(), size: 2)
        defer { pool.close() }
        try await pool.run { session throws(SQLError) in try session.query(Self.tables[2]) }
        try await withAPI(cluster: FakeCluster(route: .local(pool))) { client in
            let body = #"{"operations": [{"sql": \#(JSONValue.string(sql).text)}]}"#
            let answer = try await client.post("/write/transaction", body)
            #expect(answer.status == .badRequest)
            #expect(try answer.problem.detail.contains("sql_mode"))
        }
    }

    @Test(
        "Bodies that are no transaction",
        arguments: [
            (#"{}"#, "operations"), (#"{"operations": {}}"#, "array"), (#"{"operations": []}"#, "1 to 1000"),
            (#"{"operations": [7]}"#, "operations[0]"), (#"{"operations": [{}]}"#, "must have one"),
            (#"{"operations": [{"insert": {"table": "t", "values": {}}, "sql": "x"}]}"#, "must have one"),
            (#"{"operations": [{"insert": {"table": "t", "values": {}}, "params": []}]}"#, "params"),
            (#"{"operations": [{"insert": {"table": "t`", "values": {}}}]}"#, "U+60"),
            (#"{"operations": [{"sql": "DELETE FROM t", "expect_rows": -1}]}"#, "expect_rows"),
            (#"{"operations": [{"sql": "DELETE FROM t", "expect_rows": 1.5}]}"#, "expect_rows"),
            (#"{"operations": [{"sql": "DELETE FROM t", "params": {}}]}"#, "params"),
            (#"{"operations": [], "x": 1}"#, "'x'"),
        ])
    func badBodies(_ body: String, _ named: String) {
        let error = #expect(throws: Problem.self) { try WriteRequest(.transaction, body: Array(body.utf8)) }
        #expect(error?.detail.contains(named) == true, "\(error?.detail ?? "")")
    }

    @Test("The number of operations is bounded")
    func bounded() throws {
        func body(_ count: Int) -> [UInt8] {
            let operations = Array(repeating: #"{"sql": "DELETE FROM t"}"#, count: count).joined(separator: ",")
            return Array("{\"operations\": [\(operations)]}".utf8)
        }
        guard case .transaction(let operations) = try WriteRequest(.transaction, body: body(1_000)) else { return }
        #expect(operations.count == 1_000)
        #expect(throws: Problem.self) { try WriteRequest(.transaction, body: body(1_001)) }
    }

    @Test("A transaction that waits for a row is given up with certainty; one that waits for its quorum is not")
    func timeouts() async throws {
        try await MariaDBServer.withServer(id: 15) { server in
            try await server.sql(
                "CREATE DATABASE d; CREATE TABLE d.t (id BIGINT PRIMARY KEY, v INT) ENGINE=InnoDB; INSERT INTO d.t VALUES (1, 1)"
            )
            let login = SQLConfiguration(address: .unix(server.socket), user: "root", database: "d")
            let pool = SQLPool(login.trackingLastGTID(), size: 2)
            let other = SQLRunner(login, deadline: .seconds(20))
            defer {
                pool.close(interrupting: true)
                other.close()
            }
            let configuration = HTTPAPIConfiguration(writeTimeout: .milliseconds(400))
            try await withAPI(configuration, cluster: FakeCluster(route: .local(pool))) { client in
                // Within one call, since what is left open between calls is rolled back.
                let body = #"{"operations": [{"sql": "UPDATE t SET v = v + 10"}]}"#
                async let held: Void = other.run { session throws(SQLError) in
                    try session.query("START TRANSACTION")
                    try session.query("UPDATE d.t SET v = 2")
                    try session.query("DO SLEEP(1.5)")
                    try session.query("ROLLBACK")
                }
                try await MariaDBServer.eventually("the row is locked") {
                    try await server.sql("SELECT COUNT(*) FROM information_schema.INNODB_TRX") != [["0"]]
                }
                let waiting = try await client.post("/write/transaction", body)
                #expect(waiting.status == .serviceUnavailable, "\(waiting.text)")
                #expect(try waiting.problem.detail.contains("nothing was executed"))
                try await held
                try await MariaDBServer.eventually("the session has come back") { pool.occupancy.busy == 0 }
                #expect(try await server.sql("SELECT v FROM d.t") == [["1"]])
                try await server.sql("SET GLOBAL rpl_semi_sync_master_enabled = ON")
                let unknown = try await client.post("/write/transaction", body)
                #expect(unknown.status == .gatewayTimeout)
                #expect(try unknown.problem.kind == .unknownOutcome)
            }
            try await server.sql("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
            try await MariaDBServer.eventually("the commit has ended") { pool.occupancy.busy == 0 }
            #expect(try await server.sql("SELECT v FROM d.t") == [["11"]])
        }
    }
}
