import Foundation
import HTTPTypes
import HummingbirdTesting
import LabSupport
import MariaDBClient
import Synchronization
import Testing

@testable import Gateway

@Suite("Idempotency keys", .serialized) struct IdempotencyTests {
    static let table = "CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT UNIQUE)"

    private static func key(_ text: String = UUID().uuidString) -> HTTPFields { [.idempotencyKey: text] }

    @Test("The first request makes the table; a repeated one gets the first answer and writes nothing")
    func repeated() async throws {
        try await withLeader("i_repeated", tables: [Self.table, "DROP DATABASE IF EXISTS wolfscale"]) {
            client, _, runner in
            let bodies = [
                ("insert", #"{"table": "t", "values": {"v": 1}}"#),
                ("update", #"{"table": "t", "set": {"v": 2}, "where_key": {"v": 1}}"#),
                ("delete", #"{"table": "t", "where_key": {"v": 2}}"#),
                (
                    "transaction",
                    #"{"operations": [{"insert": {"table": "t", "values": {"v": 3}}}, {"sql": "UPDATE t SET v = v + 1"}]}"#
                ),
                ("ddl", #"{"ddl": "CREATE TABLE i_repeated.made (id INT PRIMARY KEY)"}"#),
            ]
            for (form, body) in bodies {
                let key = Self.key()
                let first = try await client.post("/write/\(form)", body, headers: key)
                #expect(first.status == .ok, "\(form): \(first.text)")
                #expect(first.headers[.idempotentReplayed] == nil)
                let rows = try await runner.query("SELECT * FROM t").rows
                // As another client library may write it.
                let second = try await client.post(
                    "/write/\(form)", " " + body.replacing(": ", with: " :"), headers: key)
                #expect(second.status == .ok, "\(form): \(second.text)")
                #expect(second.headers[.idempotentReplayed] == "true" && second.text.contains(#""replayed":true"#))
                #expect(try await runner.query("SELECT * FROM t").rows == rows)
                if form == "transaction" {
                    let one = try first.decoded(TransactionAnswer.self)
                    let two = try second.decoded(TransactionAnswer.self)
                    #expect(one.results == two.results && two.gtid != nil)
                } else {
                    let one = try first.decoded(WriteAnswer.self)
                    let two = try second.decoded(WriteAnswer.self)
                    #expect(one.id == two.id && one.affectedRows == two.affectedRows)
                }
            }
        }
    }

    @Test("Another request with the same key is refused; a failed one leaves the key free")
    func reused() async throws {
        try await withLeader("i_reused", tables: [Self.table]) { client, _, runner in
            let key = Self.key("\"order-\(UUID().uuidString)\"")
            let insert = #"{"table": "t", "values": {"v": 1}}"#
            try await runner.query("INSERT INTO t VALUES (9, 1)")
            for _ in 0..<2 {
                let refused = try await client.post("/write/insert", insert, headers: key)
                #expect(refused.status == .conflict)
                #expect(try refused.problem.errno == 1062)
            }
            try await runner.query("DELETE FROM t")
            #expect(try await client.post("/write/insert", insert, headers: key).status == .ok)
            for (form, body) in [
                ("insert", insert.replacing("1", with: "2")), ("delete", #"{"table": "t", "where_key": {"v": 1}}"#),
                ("ddl", #"{"ddl": "DROP TABLE t"}"#),
            ] {
                let other = try await client.post("/write/\(form)", body, headers: key)
                #expect(other.status == .unprocessableContent, "\(other.text)")
                #expect(try other.problem.kind == .keyReused)
            }
            #expect(try await runner.query("SELECT COUNT(*) FROM t").scalar == "1")
        }
    }

    @Test(
        "A request whose key is under way gets 409 and Retry-After, also at the commit", arguments: ["insert", "ddl"])
    func underWay(_ form: String) async throws {
        try await MariaDBServer.withServer(id: form == "ddl" ? 16 : 17) { server in
            try await server.sql("CREATE DATABASE d; CREATE TABLE d.t (id BIGINT PRIMARY KEY) ENGINE=InnoDB")
            let login = SQLConfiguration(address: .unix(server.socket), user: "root", database: "d")
            let pool = SQLPool(login.trackingLastGTID(), size: 4)
            let runner = SQLRunner(login)
            defer {
                pool.close(interrupting: true)
                runner.close()
            }
            let cluster = FakeCluster(route: .local(pool))
            cluster.state.withLock { $0.administration = runner }
            let configuration = HTTPAPIConfiguration(writeTimeout: .milliseconds(500))
            try await withAPI(configuration, cluster: cluster) { client in
                let warm = try await client.post(
                    "/write/insert", #"{"table": "t", "values": {"id": 1}}"#, headers: Self.key())
                #expect(warm.status == .ok, "\(warm.text)")
                try await server.sql("SET GLOBAL rpl_semi_sync_master_enabled = ON")
                let key = Self.key()
                let body =
                    form == "ddl" ? #"{"ddl": "CREATE TABLE u (id INT)"}"# : #"{"table": "t", "values": {"id": 2}}"#
                let first = try await client.post("/write/\(form)", body, headers: key)
                // The intent of DDL has not got its quorum, so nothing was executed; an insert may still be.
                #expect(first.status == (form == "ddl" ? .serviceUnavailable : .gatewayTimeout), "\(first.text)")
                if form != "ddl" { #expect(try first.problem.detail.contains("same Idempotency-Key")) }
                let second = try await client.post("/write/\(form)", body, headers: key)
                #expect(second.status == .conflict && second.headers[.retryAfter] == "1", "\(second.text)")
                #expect(try second.problem.kind == .keyInUse)
                try await server.sql("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
                try await MariaDBServer.eventually("the first has ended") { pool.occupancy.busy == 0 }
                let third = try await client.post("/write/\(form)", body, headers: key)
                if form == "ddl" {
                    #expect(third.status == .conflict)
                    #expect(try third.problem.kind == .unknownOutcome)
                } else {
                    #expect(third.headers[.idempotentReplayed] == "true", "\(third.text)")
                    #expect(try await server.sql("SELECT id FROM d.t") == [["1"], ["2"]])
                }
            }
        }
    }

    @Test("Many clients with one key write once; with keys of their own each writes")
    func concurrent() async throws {
        try await withLeader("i_concurrent", tables: [Self.table]) { client, _, runner in
            let key = Self.key()
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<40 {
                    group.addTask {
                        let body = #"{"table": "t", "values": {"v": \#(index < 20 ? 1_000 : index)}}"#
                        let headers = index < 20 ? key : Self.key()
                        while true {
                            let answer = try await client.post("/write/insert", body, headers: headers)
                            if answer.status == .conflict, try answer.problem.kind == .keyInUse { continue }
                            return Int(answer.status.code)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses == Array(repeating: 200, count: 40))
            #expect(try await runner.query("SELECT COUNT(*), SUM(v = 1000) FROM t").rows == [["21", "1"]])
        }
    }

    @Test(
        "Keys that are none",
        arguments: ["", "\"\"", "a b", "ä", "a\tb", String(repeating: "k", count: 256), "\"unbalanced quote and blank"])
    func badKeys(_ key: String) {
        #expect(throws: Problem.self) { try IdempotentRequest.key(key) }
    }

    @Test("Quotes around a key do not count")
    func keys() throws {
        #expect(try IdempotentRequest.key("\"a-1\"") == "a-1")
        #expect(try IdempotentRequest.key("a-1") == "a-1")
        #expect(try IdempotentRequest.key("\"") == "\"")
    }

    @Test("Old keys go, in small steps; young ones stay")
    func cleaning() async throws {
        try await withLeader("i_cleaning", tables: [Self.table]) { client, cluster, runner in
            for value in 0..<3 {
                let answer = try await client.post(
                    "/write/insert", #"{"table": "t", "values": {"v": \#(value)}}"#,
                    headers: Self.key("clean-\(value)-\(UUID())"))
                #expect(answer.status == .ok)
            }
            try await runner.query(
                """
                INSERT INTO wolfscale.idempotency (idempotency_key, fingerprint, created_at)
                SELECT CONCAT('clean-old-', seq), '', NOW() - INTERVAL 25 HOUR FROM seq_1_to_2500
                """)
            let cleaner = IdempotencyCleaner(cluster: cluster, hours: 24, logger: quiet)
            await cleaner.clean()
            let left = try await runner.query(
                "SELECT COUNT(*) FROM wolfscale.idempotency WHERE idempotency_key LIKE 'clean-%'")
            #expect(left.scalar == "3")
        }
    }

    @Test("An account that may not use the table gets the right to")
    func account() async throws {
        try await withLeader("i_account", tables: [Self.table]) { _, cluster, runner in
            for statement in [
                "CREATE OR REPLACE USER \"i'app\"@localhost", "GRANT ALL ON i_account.* TO \"i'app\"@localhost",
            ] { try await runner.query(statement) }
            let login = SQLConfiguration(
                address: .unix(try await SharedServer.server().socket), user: "i'app", database: "i_account")
            let pool = SQLPool(login.trackingLastGTID(), size: 2)
            defer { pool.close() }
            cluster.state.withLock { $0.route = .local(pool) }
            try await withAPI(cluster: cluster) { client in
                let key = Self.key()
                for _ in 0..<2 {
                    let answer = try await client.post(
                        "/write/insert", #"{"table": "t", "values": {"v": 1}}"#, headers: key)
                    #expect(answer.status == .ok, "\(answer.text)")
                }
            }
            #expect(try await runner.query("SELECT COUNT(*) FROM t").scalar == "1")
            try await runner.query("DROP USER \"i'app\"@localhost")
        }
    }
}
