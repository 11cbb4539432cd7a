import ClusterCore
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import LabSupport
import MariaDBClient
import NIOCore
import Synchronization
import Testing

@testable import Gateway

@Suite("Writes at the leader") struct WriteRouteTests {
    @Test("The seed's four writes, with the LSN, the GTID, the key and the rows", arguments: [true, false])
    func seed(tracking: Bool) async throws {
        let users = "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(50)) ENGINE=InnoDB"
        try await withLeader("w_seed_\(tracking)", tracking: tracking, tables: [users]) { client, cluster, runner in
            let inserted = try await client.post(
                "/write/insert", #"{"table": "users", "values": {"id": 1, "name": "Alice"}}"#)
            #expect(inserted.status == .ok)
            let answer = try inserted.decoded(WriteAnswer.self)
            #expect(answer.lsn == LSN(42) && answer.id == .number(1) && answer.affectedRows == 1)
            let gtid = try #require(answer.gtid.flatMap { GTID($0) })
            #expect(gtid.server == 7)
            #expect(cluster.state.withLock { $0.waitedFor } == [gtid])
            #expect(
                Set(inserted.text.split(separator: "\"").map(String.init)).isSuperset(of: [
                    "lsn", "gtid", "id", "affected_rows",
                ]))
            let updated = try await client.post(
                "/write/update", #"{"table": "users", "set": {"name": "Bob"}, "where_key": {"id": 1}}"#)
            #expect(try updated.decoded(WriteAnswer.self).affectedRows == 1)
            #expect(try await runner.query("SELECT name FROM users").scalar == "Bob")
            let again = try await client.post(
                "/write/update", #"{"table": "users", "set": {"name": "Bob"}, "where_key": {"id": 1}}"#)
            #expect(again.text == #"{"affected_rows":0,"gtid":null,"id":null,"lsn":null}"#)
            let ddl = try await client.post(
                "/write/ddl", #"{"ddl": "ALTER TABLE users ADD COLUMN email VARCHAR(255)"}"#)
            #expect(ddl.status == .ok)
            #expect(try ddl.decoded(WriteAnswer.self).gtid != nil)
            let deleted = try await client.post("/write/delete", #"{"table": "users", "where_key": {"email": null}}"#)
            #expect(try deleted.decoded(WriteAnswer.self).affectedRows == 1)
        }
    }

    @Test("A single BIGINT key that nothing fills gets a Snowflake; others do not")
    func snowflake() async throws {
        let tables = [
            "CREATE TABLE s (id BIGINT PRIMARY KEY, v INT)", "CREATE TABLE u (ID BIGINT UNSIGNED PRIMARY KEY, v INT)",
            "CREATE TABLE a (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)",
            "CREATE TABLE d (id BIGINT DEFAULT 5 PRIMARY KEY, v INT)",
            "CREATE TABLE c (a BIGINT, b BIGINT, v INT, PRIMARY KEY (a, b))",
            "CREATE TABLE i (id INT PRIMARY KEY, v INT)",
            "CREATE TABLE n (v INT)", "CREATE TABLE t (id VARCHAR(20) PRIMARY KEY)",
        ]
        try await withLeader("w_snowflake", tables: tables) { client, _, runner in
            func insert(_ body: String) async throws -> TestResponse { try await client.post("/write/insert", body) }
            let first: UInt64 = 7_000_000_000_000_000_001
            let made = try await insert(#"{"table": "s", "values": {"v": 1}}"#)
            #expect(made.text.contains("\"id\":\(first)"))
            #expect(try await runner.query("SELECT id FROM s").scalar == String(first))
            let nulled = try await insert(#"{"table": "u", "values": {"id": null, "v": 1}}"#)
            #expect(try nulled.decoded(WriteAnswer.self).id == .number(first + 1))
            let given = try await insert(#"{"table": "w_snowflake.s", "values": {"v": 1, "id": -3}}"#)
            #expect(try given.decoded(WriteAnswer.self).id == .negative(-3))
            let automatic = try await insert(#"{"table": "a", "values": {"v": 1}}"#)
            #expect(try automatic.decoded(WriteAnswer.self).id == .number(1))
            _ = try await insert(#"{"table": "d", "values": {"v": 1}}"#)
            #expect(try await runner.query("SELECT id FROM d").scalar == "5")
            #expect(try await insert(#"{"table": "c", "values": {"v": 1}}"#).status == .unprocessableContent)
            #expect(try await insert(#"{"table": "i", "values": {"v": 1}}"#).status == .unprocessableContent)
            #expect(try await insert(#"{"table": "n", "values": {"v": 1}}"#).decoded(WriteAnswer.self).id == nil)
            let text = try await insert(#"{"table": "t", "values": {"id": "k-1"}}"#)
            #expect(try text.decoded(WriteAnswer.self).id == .text("k-1"))
        }
    }

    @Test("A table that changes behind the cache is looked at again")
    func changedTable() async throws {
        try await withLeader(
            "w_changed", tables: ["CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)"]
        ) { client, _, runner in
            let body = #"{"table": "t", "values": {"v": 1}}"#
            #expect(try await client.post("/write/insert", body).decoded(WriteAnswer.self).id == .number(1))
            try await runner.query("ALTER TABLE t MODIFY id BIGINT")
            let second = try await client.post("/write/insert", body)
            #expect(try second.decoded(WriteAnswer.self).id == .number(7_000_000_000_000_000_001))
            try await runner.query("DROP TABLE t")
            try await runner.query("CREATE TABLE t (other BIGINT PRIMARY KEY, v INT)")
            let third = try await client.post("/write/insert", body)
            #expect(try third.decoded(WriteAnswer.self).id == .number(7_000_000_000_000_000_003))
        }
    }

    @Test("MariaDB's refusals carry their number, their SQLSTATE and a status that tells what to do")
    func refusals() async throws {
        let tables = [
            "CREATE TABLE p (id INT PRIMARY KEY, n TINYINT NOT NULL CHECK (n <> 13), d DATE) ENGINE=InnoDB",
            "CREATE TABLE f (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id)) ENGINE=InnoDB",
            "INSERT INTO p VALUES (1, 1, NULL)", "INSERT INTO f VALUES (1, 1)",
        ]
        try await withLeader("w_refusals", tables: tables) { client, _, _ in
            let cases: [(String, String, Int, UInt32, String)] = [
                ("insert", #"{"table": "p", "values": {"id": 1, "n": 1}}"#, 409, 1062, "23000"),
                ("insert", #"{"table": "f", "values": {"id": 2, "p": 9}}"#, 409, 1452, "23000"),
                ("delete", #"{"table": "p", "where_key": {"id": 1}}"#, 409, 1451, "23000"),
                ("insert", #"{"table": "none", "values": {"id": 1}}"#, 422, 1146, "42S02"),
                ("insert", #"{"table": "none.none", "values": {"id": 1}}"#, 422, 1146, "42S02"),
                ("insert", #"{"table": "p", "values": {"id": 2, "none": 1}}"#, 422, 1054, "42S22"),
                ("insert", #"{"table": "p", "values": {"id": 2, "n": 1000}}"#, 422, 1264, "22003"),
                ("insert", #"{"table": "p", "values": {"id": 2, "n": null}}"#, 422, 1048, "23000"),
                ("insert", #"{"table": "p", "values": {"id": 2, "n": 13}}"#, 422, 4025, "23000"),
                ("insert", #"{"table": "p", "values": {"id": 2, "n": 1, "d": "no date"}}"#, 422, 1292, "22007"),
                ("ddl", #"{"ddl": "CREATE TABLE p (id INT)"}"#, 422, 1050, "42S01"),
                ("ddl", #"{"ddl": "DROP TABLE none"}"#, 422, 1051, "42S02"),
                ("ddl", #"{"ddl": "CREATE TABLE ("}"#, 400, 1064, "42000"),
            ]
            for (form, body, status, errno, sqlState) in cases {
                let answer = try await client.post("/write/\(form)", body)
                #expect(answer.status.code == status, "\(body): \(answer.text)")
                #expect(answer.headers[.contentType] == "application/problem+json")
                let problem = try answer.problem
                #expect(problem.errno == errno && problem.sqlState == sqlState && problem.status == status, "\(body)")
            }
        }
    }

    @Test("A demoted database and a lack of rights")
    func readOnlyAndRights() async throws {
        try await MariaDBServer.withServer(id: 13, options: []) { server in
            try await server.sql(
                """
                CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY) ENGINE=InnoDB; CREATE TABLE d.secret (id INT);
                CREATE USER w@localhost; GRANT SELECT, INSERT ON d.t TO w@localhost;
                """)
            let pool = SQLPool(
                SQLConfiguration(address: .unix(server.socket), user: "w", database: "d").trackingLastGTID(), size: 2)
            defer { pool.close() }
            try await withAPI(cluster: FakeCluster(route: .local(pool))) { client in
                let denied = try await client.post("/write/insert", #"{"table": "secret", "values": {"id": 1}}"#)
                #expect(denied.status == .forbidden)
                #expect(try denied.problem.errno == 1142)
                let ok = try await client.post("/write/insert", #"{"table": "t", "values": {"id": 1}}"#)
                #expect(ok.status == .ok)
                #expect(try ok.decoded(WriteAnswer.self).gtid == nil, "no binlog, no GTID")
                try await server.sql("SET GLOBAL read_only = 1")
                let demoted = try await client.post("/write/insert", #"{"table": "t", "values": {"id": 2}}"#)
                #expect(demoted.status == .serviceUnavailable)
                #expect(demoted.headers[.retryAfter] == "1")
                #expect(try demoted.problem.errno == 1290 && demoted.problem.kind == .retry)
                await server.kill()
                let gone = try await client.post("/write/insert", #"{"table": "t", "values": {"id": 2}}"#)
                #expect(gone.status == .serviceUnavailable)
                #expect(try gone.problem.kind == .unavailable && gone.problem.errno == 2002)
            }
        }
    }

    @Test("A write whose quorum does not come answers 504 with its key; its session stays out until the server answers")
    func unknownOutcome() async throws {
        try await MariaDBServer.withServer(id: 14) { server in
            try await server.sql(
                """
                CREATE DATABASE d; CREATE TABLE d.t (id BIGINT PRIMARY KEY, v INT) ENGINE=InnoDB;
                SET GLOBAL rpl_semi_sync_master_enabled = ON;
                """)
            let pool = SQLPool(
                SQLConfiguration(address: .unix(server.socket), user: "root", database: "d").trackingLastGTID(), size: 2
            )
            defer { pool.close(interrupting: true) }
            let configuration = HTTPAPIConfiguration(writeTimeout: .milliseconds(400))
            try await withAPI(configuration, cluster: FakeCluster(route: .local(pool))) { client in
                let answer = try await client.post("/write/insert", #"{"table": "t", "values": {"v": 1}}"#)
                #expect(answer.status == .gatewayTimeout)
                let problem = try answer.problem
                #expect(problem.kind == .unknownOutcome && problem.id == .number(7_000_000_000_000_000_001))
                #expect(problem.detail.contains("Read the row by its key"))
                #expect(pool.occupancy.busy == 1)
                #expect(try await server.status("Rpl_semi_sync_master_wait_sessions") == 1)
                #expect(try await server.sql("SELECT * FROM d.t") == [])
            }
            try await server.sql("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
            try await MariaDBServer.eventually("the session has come back") { pool.occupancy.busy == 0 }
            #expect(try await server.sql("SELECT id FROM d.t") == [["7000000000000000001"]])
        }
    }

    @Test("Bodies: too large, not JSON, of another type")
    func bodies() async throws {
        let configuration = HTTPAPIConfiguration(bodyBytesMax: 1000)
        try await withLeader(
            "w_bodies", configuration: configuration, tables: ["CREATE TABLE t (id INT PRIMARY KEY)"]
        ) { client, _, _ in
            let large = try await client.post("/write/insert", String(repeating: " ", count: 1001))
            #expect(large.status == .contentTooLarge)
            #expect(try large.problem.kind == .tooLarge)
            let broken = try await client.post("/write/insert", #"{"table""#)
            #expect(broken.status == .badRequest)
            #expect(try broken.problem.detail.contains("not JSON"))
            let form = try await client.execute(
                uri: "/write/insert", method: .post, headers: [.contentType: "text/plain"],
                body: ByteBuffer(string: #"{"table": "t", "values": {"id": 1}}"#))
            #expect(form.status == .unsupportedMediaType)
            let charset = try await client.post(
                "/write/insert", #"{"table": "t", "values": {"id": 1}}"#,
                headers: [.contentType: "application/json ; charset=utf-8"])
            #expect(charset.status == .ok)
        }
    }

    @Test("What is in hand at once is bounded, and given back")
    func budget() throws {
        let budget = BodyBudget(bytesMax: 100, requestsMax: 2)
        var first = try budget.begin()
        var second = try budget.begin()
        #expect(throws: Problem.self) { _ = try budget.begin() }
        try budget.grow(&first, by: 60)
        #expect(throws: Problem.self) { try budget.grow(&second, by: 41) }
        try budget.grow(&second, by: 40)
        budget.end(first)
        var third = try budget.begin()
        try budget.grow(&third, by: 60)
        budget.end(second)
        budget.end(third)
    }

    @Test("Many clients at once: every write is carried out once, and identifiers are distinct")
    func concurrent() async throws {
        try await withLeader("w_concurrent", tables: ["CREATE TABLE t (id BIGINT PRIMARY KEY, v INT)"]) {
            client, _, runner in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for value in 0..<200 {
                    group.addTask {
                        let answer = try await client.post(
                            "/write/insert", #"{"table": "t", "values": {"v": \#(value)}}"#)
                        #expect(answer.status == .ok, "\(answer.text)")
                    }
                }
                try await group.waitForAll()
            }
            let counted = try await runner.query("SELECT COUNT(*), COUNT(DISTINCT id), COUNT(DISTINCT v) FROM t")
            #expect(counted.rows == [["200", "200", "200"]])
        }
    }

    @Test("Without a leader: 503, Retry-After and the reason")
    func noLeader() async throws {
        try await withAPI { client in
            let answer = try await client.post("/write/insert", #"{"table": "t", "values": {"id": 1}}"#)
            #expect(answer.status == .serviceUnavailable)
            #expect(answer.headers[.retryAfter] == "3")
            #expect(try answer.problem.detail == "An election is going on. Nothing was executed.")
        }
    }
}

@Suite("Writes with hard values") struct WriteFuzzTests {
    @Test("What goes in through the API comes out of the table", arguments: [UInt64(11), 12, 13])
    func fuzz(seed: UInt64) async throws {
        let table = """
            CREATE TABLE `t-é x` (id BIGINT UNSIGNED PRIMARY KEY, i BIGINT, d DECIMAL(40,10), f DOUBLE, b BOOLEAN,
            `s s` LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_bin, j JSON, x BLOB) ENGINE=InnoDB
            """
        try await withLeader("w_fuzz_\(seed)", tables: [table]) { client, _, runner in
            var random = SplitMix64(seed: seed)
            for round in 0..<60 {
                let row = FuzzRow(UInt64.max - UInt64(round), &random)
                let inserted = try await client.post("/write/insert", row.insert)
                #expect(inserted.status == .ok, "\(row.insert): \(inserted.text)")
                let found = try await runner.run { session throws(SQLError) in
                    try session.execute(
                        "SELECT i, d, f, b, `s s`, j, HEX(x) FROM `t-é x` WHERE id = ?", [.uint64(row.id)]
                    ).rows
                }
                #expect(found == [row.columns], "seed \(seed), round \(round)")
                guard !row.text.isEmpty else { continue }
                let key =
                    #"{"table": "t-é x", "where_key": {"id": \#(row.id), "s s": \#(JSONValue.string(row.text).text)}}"#
                let deleted = try await client.post("/write/delete", key)
                #expect(try deleted.decoded(WriteAnswer.self).affectedRows == 1, "\(key)")
            }
        }
    }
}

private struct FuzzRow: Sendable {
    let id: UInt64
    let text: String
    let insert: String
    let columns: [String?]

    init(_ id: UInt64, _ random: inout SplitMix64) {
        self.id = id
        let integer = Int64.random(in: .min ... .max, using: &random)
        let decimal =
            "\(Int64.random(in: 0...(.max), using: &random))\(UInt32.random(in: 0...9, using: &random)).0123456789"
        let double = Double(Int32.random(in: .min ... .max, using: &random)) / 1024
        let flag = Bool.random(using: &random)
        text = random.text()
        let nested = JSONValue.object([JSONMember(name: random.text(), value: .array([.string(random.text()), .null]))])
        let bytes = (0..<random.count()).map { _ in UInt8.random(in: 0...255, using: &random) }
        let base64 = Data(bytes).base64EncodedString()
        insert = """
            {"table": "t-é x", "values": {"id": \(id), "i": \(integer), "d": \(decimal), "f": \(double)e0, "b": \(flag),
            "s s": \(JSONValue.string(text).text), "j": \(nested.text), "x": {"$binary": "\(base64)"}}}
            """
        let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
        let shown = double == double.rounded() ? String(Int64(double)) : String(double)
        columns = [String(integer), decimal, shown, flag ? "1" : "0", text, nested.text, hex]
    }
}
