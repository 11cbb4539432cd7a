import ClusterCore
import Foundation
import HTTPTypes
import HummingbirdTesting
import LabSupport
import MariaDBClient
import Synchronization
import Testing

@testable import Gateway

@Suite("Requests that mean harm") struct HostileRequestTests {
    @Test("No name escapes its quotes", arguments: [UInt64(21), 22, 23])
    func names(seed: UInt64) async throws {
        let schema = "h_names_\(seed)"
        let tables = ["CREATE TABLE t (id INT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1, 1), (2, 2)"]
        try await withLeader(schema, tables: tables) { client, _, runner in
            var random = HostileNames(seed: seed)
            var counts: [Int: Int] = [:]
            for round in 0..<250 {
                let name = JSONValue.string(random.name()).text
                let (path, body): (String, String) =
                    switch round % 8 {
                    case 0: ("/write/insert", #"{"table": \#(name), "values": {"id": 3}}"#)
                    case 1: ("/write/insert", #"{"table": "t", "values": {"id": 3, \#(name): 1}}"#)
                    case 2: ("/write/update", #"{"table": "t", "set": {\#(name): 9}, "where_key": {"id": 1}}"#)
                    case 3: ("/write/update", #"{"table": "t", "set": {"v": 9}, "where_key": {\#(name): 1}}"#)
                    case 4: ("/write/delete", #"{"table": "t", "where_key": {\#(name): 1}}"#)
                    case 5: ("/write/delete", #"{"table": \#(name), "where_key": {"id": 1}}"#)
                    case 6:
                        (
                            "/write/transaction",
                            #"{"operations": [{"delete": {"table": "t", "where_key": {\#(name): 1}}}]}"#
                        )
                    default: ("/query", #"{"sql": "SELECT 1", "schema": \#(name)}"#)
                    }
                let answer = try await client.post(path, body)
                let status = Int(answer.status.code)
                counts[status, default: 0] += 1
                #expect(status == 400 || status == 422, "seed \(seed): \(path) \(body): \(answer.text)")
                #expect(try answer.problem.errno != 1064, "the name reached the parser: seed \(seed): \(body)")
            }
            #expect(counts[400] != nil && counts[422] != nil, "both kinds of names were tried: \(counts)")
            #expect(try await runner.query("SELECT * FROM t").rows == [["1", "1"], ["2", "2"]])
        }
    }

    @Test("Values are never SQL, wherever they stand")
    func values() async throws {
        try await withLeader(
            "h_values", tables: ["CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT) CHARSET utf8mb4"]
        ) {
            client, _, runner in
            for text in ["'; DROP TABLE t; -- ", "\\", "\\'", "' OR '1'='1", "\u{0}", "😀'", "?", "${x}", "%s"] {
                let json = JSONValue.string(text).text
                let body = """
                    {"operations": [{"insert": {"table": "t", "values": {"v": \(json)}}},
                    {"sql": "UPDATE t SET v = CONCAT(v, ?) WHERE v = ?", "params": ["", \(json)]}]}
                    """
                #expect(try await client.post("/write/transaction", body).status == .ok, "\(text)")
                let found = try await client.query("SELECT COUNT(*) FROM t WHERE v = ?", "\"params\": [\(json)]")
                #expect(found.text.contains("[[1]]"), "\(text): \(found.text)")
                let deleted = try await client.post("/write/delete", #"{"table": "t", "where_key": {"v": \#(json)}}"#)
                #expect(try deleted.decoded(WriteAnswer.self).affectedRows == 1)
            }
            #expect(try await runner.query("SELECT COUNT(*) FROM t").scalar == "0")
        }
    }

    @Test("Large, deep and broken bodies are refused on every route that takes one")
    func bodies() async throws {
        var configuration = HTTPAPIConfiguration(bodyBytesMax: 100_000)
        configuration.data.queryTimeout = .seconds(5)
        try await withLeader("h_bodies", configuration: configuration, tables: []) { client, _, _ in
            let deep = String(repeating: "[", count: 90_000)
            for path in ["/write/insert", "/write/transaction", "/write/ddl", "/query"] {
                #expect(try await client.post(path, String(repeating: " ", count: 100_001)).status == .contentTooLarge)
                for body in [
                    deep, #"{"a":"# + deep, "{\"sql\":\"\u{FF}", "", "null", "[]", #"{"sql": 1}"#, #"{"\ud800": 1}"#,
                ] {
                    let answer = try await client.post(path, body)
                    #expect(answer.status == .badRequest, "\(path) \(body.prefix(40)): \(answer.text.prefix(200))")
                    #expect(answer.text.utf8.count < 2_000)
                }
            }
        }
    }

    @Test("Errors name no password and nobody else's statement")
    func secrets() async throws {
        let server = try await SharedServer.server()
        let password = "hush-\(UInt64.random(in: 0 ... .max))"
        try await server.sql(
            "CREATE OR REPLACE USER hushed@localhost IDENTIFIED BY 'another'; CREATE DATABASE IF NOT EXISTS h_secrets")
        let login = SQLConfiguration(
            address: .unix(server.socket), user: "hushed", password: password, database: "h_secrets")
        let pool = SQLPool(login.trackingLastGTID(), size: 2)
        defer { pool.close() }
        let cluster = FakeCluster(route: .local(pool))
        cluster.state.withLock { $0.places = ReadPlaces(here: pool, leads: true) }
        try await withAPI(cluster: cluster) { client in
            for (path, body) in [
                ("/write/insert", #"{"table": "t", "values": {}}"#),
                ("/write/transaction", #"{"operations": [{"sql": "DELETE FROM t"}]}"#),
                ("/query", #"{"sql": "SELECT 1"}"#),
            ] {
                let answer = try await client.post(path, body, headers: [.idempotencyKey: UUID().uuidString])
                #expect(answer.status == .serviceUnavailable, "\(answer.text)")
                #expect(!answer.text.contains(password) && !answer.text.contains("another"))
            }
        }
    }

    @Test("Identifiers: as many as asked for, rising, as numbers or strings")
    func identifiers() async throws {
        try await withAPI { client in
            let many = try await client.execute(uri: "/ids?count=10000", method: .post)
            let ids = try many.decoded([String: [UInt64]].self)["ids"] ?? []
            #expect(ids.count == 10_000 && ids == ids.sorted() && Set(ids).count == 10_000)
            let one = try await client.execute(uri: "/ids?big_integers=string", method: .post)
            #expect(one.text == #"{"ids":["7000000000000010001"]}"#)
            for bad in ["0", "-1", "10001", "x", "1e3", ""] {
                let answer = try await client.execute(uri: "/ids?count=\(bad)", method: .post)
                #expect(answer.status == .badRequest, "\(bad)")
            }
            #expect(try await client.execute(uri: "/ids?big_integers=x", method: .post).status == .badRequest)
        }
    }
}

/// Names made of what has broken quoting elsewhere.
private struct HostileNames {
    private var random: SplitMix64
    private static let pieces: [String] = [
        "`", "``", "\\", "'", "\"", ";", "--", "/*", "*/", "#", "\u{0}", "\n", ".", " ", "=", "(", ")", "a", "é", "ﬀ",
        "日本", "😀", "𝔘",
        "\u{FFFF}", "\u{202E}", "\u{2018}", "\u{FF40}", "DROP TABLE t", "` = 1 OR 1 = 1 -- ", "`; DELETE FROM t; -- ",
        "@", "$", "-", "_", "0",
    ]

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    mutating func name() -> String {
        // Every fourth is a name that MariaDB takes, and that does not exist.
        if random.next() % 4 == 0 { return "none_é日_\(random.next() % 1_000)" }
        let count = 1 + Int(random.next() % 6)
        let name = (0..<count).map { _ in Self.pieces[Int(random.next() % UInt64(Self.pieces.count))] }.joined()
        return name == "a" || name == "0" ? name + "`" : name
    }
}
