import LabSupport
import MariaDBClient
import Testing

@Suite("SQL sessions") struct SQLSessionTests {
    @Test("A query gives columns, rows, NULLs and counters")
    func query() async throws {
        try await withSession(SharedServer.schema("client_query")) { session throws(SQLError) in
            let made = try session.query(
                "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT CHARSET utf8mb4) ENGINE=InnoDB")
            #expect(made.columns == [] && made.rows == [])
            let inserted = try session.query("INSERT INTO t (v) VALUES ('a'), (NULL), ('ü€😀')")
            #expect(inserted.affectedRows == 3)
            #expect(inserted.lastInsertID == 1)
            let read = try session.query("SELECT id, v FROM t ORDER BY id")
            #expect(read.columns == ["id", "v"])
            #expect(read.rows == [["1", "a"], ["2", nil], ["3", "ü€😀"]])
            #expect(read.dictionaries[1] == ["id": "2"])
            #expect(session.threadID > 0)
            try session.ping()
        }
    }

    @Test("Bound values keep their types")
    func types() async throws {
        try await withSession(SharedServer.schema("client_types")) { session throws(SQLError) in
            try session.query(
                "CREATE TABLE t (n INT NULL, i BIGINT, u BIGINT UNSIGNED, d DOUBLE, s TEXT CHARSET utf8mb4, b BLOB)")
            let bytes: [UInt8] = [0, 255, 39, 92, 10, 128]
            let result = try session.execute(
                "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)",
                [.null, .int64(.min), .uint64(.max), .double(0.1), .string("it's \\ \u{0} 😀"), .bytes(bytes)])
            #expect(result.affectedRows == 1)
            let row = try session.execute(
                "SELECT n, i, u, d, s, HEX(b), ? FROM t WHERE u = ?", [.string(""), .uint64(.max)])
            #expect(row.columns.count == 7)
            #expect(
                row.rows == [
                    [
                        nil, "-9223372036854775808", "18446744073709551615", "0.1", "it's \\ \u{0} 😀", "00FF275C0A80",
                        "",
                    ]
                ])
            #expect(try session.execute("SELECT 1 FROM t WHERE s = ?", ["other"]).rows == [])
            let long = String(repeating: "x", count: 300_000)
            #expect(try session.execute("SELECT ?", [.string(long)]).scalar == long)
        }
    }

    @Test("Decimals are exact")
    func decimals() async throws {
        try await withSession(SharedServer.schema("client_decimals")) { session throws(SQLError) in
            try session.query("CREATE TABLE t (d DECIMAL(40, 10) PRIMARY KEY)")
            let numbers = [
                "123456789012345678901234567890.0123456789", "-0.5000000000", "18446744073709551616.0000000000",
            ]
            for number in numbers { try session.execute("INSERT INTO t VALUES (?)", [.decimal(number)]) }
            for number in numbers {
                #expect(try session.execute("SELECT d FROM t WHERE d = ?", [.decimal(number)]).rows == [[number]])
            }
        }
    }

    @Test("A session that tracks last_gtid gets the GTID with each answer that wrote, and only then")
    func trackedGTID() async throws {
        var configuration = try await SharedServer.schema("client_gtid")
        configuration.initStatements = ["SET SESSION session_track_system_variables = 'last_gtid'"]
        try await withSession(configuration) { session throws(SQLError) in
            let made = try session.query("CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB")
            #expect(made.trackedVariables["last_gtid"]?.isEmpty == false)
            for id in 1...3 {
                let result = try session.execute("INSERT INTO t VALUES (?, 0)", [.int64(Int64(id))])
                #expect(result.trackedVariables["last_gtid"] == (try session.query("SELECT @@last_gtid").scalar))
            }
            #expect(try session.execute("UPDATE t SET v = 0 WHERE id = 1", []).trackedVariables == [:])
            #expect(try session.execute("DELETE FROM t WHERE id = 9", []).trackedVariables == [:])
            #expect(try session.query("SELECT 1").trackedVariables == [:])
            do throws(SQLError) {
                try session.query("INSERT INTO t VALUES (1, 1)")
                Issue.record("a duplicate key was taken")
            } catch {
                #expect(error.errno == 1062)
            }
            #expect(try session.query("DELETE FROM t WHERE id = 1").trackedVariables["last_gtid"] != nil)
        }
    }

    @Test("Errors carry the number, the SQLSTATE and the message, and the session stays usable")
    func errors() async throws {
        try await withSession(SharedServer.schema("client_errors")) { session throws(SQLError) in
            try session.query("CREATE TABLE t (id INT PRIMARY KEY)")
            try session.query("INSERT INTO t VALUES (1)")
            for attempt in 0..<2 {
                do throws(SQLError) {
                    if attempt == 0 {
                        try session.query("INSERT INTO t VALUES (1)")
                    } else {
                        try session.execute("INSERT INTO t VALUES (?)", [.int64(1)])
                    }
                    Issue.record("a duplicate key was taken")
                } catch {
                    #expect(error.kind == .server && error.errno == 1062 && error.sqlState == "23000")
                    #expect(error.message.contains("Duplicate entry"))
                    #expect(!error.isOutcomeUnknown)
                }
            }
            do throws(SQLError) {
                try session.query("SELECT 1; SELECT 2")
                Issue.record("two statements were taken as one")
            } catch {
                #expect(error.errno == 1064)
            }
            do throws(SQLError) {
                try session.execute("SELECT ?", [])
                Issue.record("a parameter was missing")
            } catch {
                #expect(error.kind == .client)
            }
            #expect(try session.query("SELECT COUNT(*) FROM t").scalar == "1")
        }
    }

    @Test("A stream hands over rows one by one; a body that throws leaves a usable session")
    func stream() async throws {
        try await withSession(SharedServer.schema("client_stream")) { session throws(SQLError) in
            var sum = 0
            let columns = try session.stream("SELECT seq, NULL FROM seq_1_to_100000") { row throws(SQLError) in
                sum += row[0].flatMap { Int($0) } ?? 0
                #expect(row.bytes(1) == nil)
            }
            #expect(columns == ["seq", "NULL"])
            #expect(sum == 5_000_050_000)
            do throws(SQLError) {
                try session.stream("SELECT seq FROM seq_1_to_1000") { _ throws(SQLError) in
                    throw SQLError(kind: .client, message: "enough")
                }
                Issue.record("the error was lost")
            } catch {
                #expect(error.message == "enough")
            }
            #expect(try session.query("SELECT 5").scalar == "5")
        }
    }

    @Test("A procedure's first result set is returned and the rest is read")
    func multipleResults() async throws {
        try await withSession(SharedServer.schema("client_call")) { session throws(SQLError) in
            try session.query("CREATE PROCEDURE p() BEGIN SELECT 1 AS a; SELECT 2 AS b; END")
            #expect(try session.query("CALL p()").columns == ["a"])
            #expect(try session.execute("CALL p()", []).rows == [["1"]])
            #expect(try session.query("SELECT 3").scalar == "3")
        }
    }

    @Test("Escaped text survives between quotes")
    func escaping() async throws {
        try await withSession(SharedServer.schema("client_escape")) { session throws(SQLError) in
            for text in ["", "'", "\\", "a'b\"c\\d\u{0}\n\r\u{1A}😀", "'; DROP TABLE t; --"] {
                #expect(try session.query("SELECT '\(try session.escape(text))'").scalar == text)
            }
        }
    }

    @Test("A login over TCP with a password, which no description shows")
    func password() async throws {
        let server = try await SharedServer.server()
        try await server.sql("CREATE OR REPLACE USER tcp@'127.0.0.1' IDENTIFIED BY 'p\\'w'")
        let configuration = SQLConfiguration(
            address: .tcp(host: "127.0.0.1", port: server.port), user: "tcp", password: "p'w",
            readTimeout: .seconds(1))
        #expect(!"\(configuration)\(String(reflecting: configuration))".contains("p'w"))
        try await withSession(configuration) { session throws(SQLError) in
            #expect(try session.query("SELECT CURRENT_USER()").scalar == "tcp@127.0.0.1")
            #expect(session.serverVersion.contains("MariaDB"))
            do throws(SQLError) {
                try session.query("SELECT SLEEP(3)")
                Issue.record("the read timeout did not end the wait")
            } catch {
                #expect(error.kind == .timeout && error.isOutcomeUnknown)
                #expect(!session.isUsable)
            }
        }
    }

    @Test("A failed login says who, where and why, and that nothing ran")
    func login() async throws {
        let server = try await SharedServer.server()
        let wrong = SQLConfiguration(
            address: .tcp(host: "127.0.0.1", port: server.port), user: "nobody", password: "wrong")
        let denied = await error { try await withSession(wrong) { _ throws(SQLError) in } }
        #expect(denied?.kind == .connect && denied?.errno == 1045)
        #expect(denied?.description.contains("nobody@127.0.0.1:\(server.port)") == true)
        let absent = SQLConfiguration(address: .unix("/tmp/no-such-directory/socket"), user: "root")
        let refused = await error { try await withSession(absent) { _ throws(SQLError) in } }
        #expect(refused?.kind == .connect && refused?.errno == 2002 && refused?.isOutcomeUnknown == false)
        let badStart = SQLConfiguration(address: .unix(server.socket), user: "root", initStatements: ["SET nonsense=1"])
        let stopped = await error { try await withSession(badStart) { _ throws(SQLError) in } }
        #expect(stopped?.kind == .connect && stopped?.message.hasPrefix("SET nonsense=1: ") == true)
    }
}

/// The SQL error that `body` throws.
func error<Value>(_ body: () async throws -> Value) async -> SQLError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? SQLError
    }
}
