import AsyncHTTPClient
import ClusterCore
import Foundation
import HTTPTypes
import HummingbirdTesting
import LabSupport
import MariaDBClient
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import Gateway

@Suite("Large answers and clients that go", .serialized) struct QueryStreamTests {
    private static let large = "SELECT seq, REPEAT('x', 100) AS x FROM seq_1_to_300000"

    private func request(_ port: Int, _ sql: String, _ more: String = "", accept: String = "application/json")
        -> HTTPClientRequest
    {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/query")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "Accept", value: accept)
        request.headers.add(name: "Connection", value: "close")
        request.body = .bytes(
            ByteBuffer(string: "{\"sql\": \(JSONValue.string(sql).text)\(more.isEmpty ? "" : ", " + more)}"))
        return request
    }

    private func running(_ text: String) async throws -> Int {
        let rows = try await SharedServer.server().sql(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '\(text)%' AND ID <> CONNECTION_ID()")
        return Int(rows.first?.first ?? "") ?? -1
    }

    /// Its memory is judged at an agent, in a process of its own: `DataAPITests`.
    @Test("Forty megabytes come whole, as JSON and as lines")
    func large() async throws {
        try await withLeader("s_large", tables: []) { client, _, _ in
            let port = try #require(client.port)
            for accept in ["application/json", "application/x-ndjson"] {
                let answer = try await HTTPClient.shared.execute(
                    request(port, Self.large, accept: accept), timeout: .seconds(60))
                #expect(answer.headers.first(name: "transfer-encoding") == "chunked")
                var bytes = 0
                var rows = 0
                var tail = ""
                for try await part in answer.body {
                    bytes += part.readableBytes
                    rows += part.readableBytesView.count { $0 == UInt8(ascii: "[") }
                    tail = String((tail + String(buffer: part)).suffix(80))
                }
                #expect(bytes > 32_000_000)
                #expect(
                    rows == 300_000 + (accept == "application/json" ? 2 : 1), "brackets of rows, columns and the list")
                #expect(
                    tail.hasSuffix(
                        accept == "application/json"
                            ? "\"]],\"truncated\":false}" : "{\"rows\":300000,\"truncated\":false}\n"))
            }
        }
    }

    @Test("A client that reads slowly holds the server back; one that goes ends its query")
    func slowReader() async throws {
        try await withLeader("s_slow", tables: []) { client, _, _ in
            let port = try #require(client.port)
            let answer = try await HTTPClient.shared.execute(
                request(port, "SELECT /* slow reader */ seq, REPEAT('x', 1000) FROM seq_1_to_10000000"),
                timeout: .seconds(60))
            var iterator: HTTPClientResponse.Body.AsyncIterator? = answer.body.makeAsyncIterator()
            _ = try await iterator?.next()
            #expect(try await running("SELECT /* slow reader */") == 1)
            iterator = nil
            try await MariaDBServer.eventually("the query has ended") {
                try await running("SELECT /* slow reader */") == 0
            }
        }
    }

    @Test("A client that goes before the first row ends its query too")
    func impatient() async throws {
        try await withLeader("s_gone", tables: []) { client, _, _ in
            let port = try #require(client.port)
            let sql = "SELECT /* impatient */ SUM(a.seq * b.seq) FROM seq_1_to_1000000 a, seq_1_to_1000000 b"
            let asking = Task { try await HTTPClient.shared.execute(request(port, sql), timeout: .seconds(60)) }
            try await MariaDBServer.eventually("the query runs") { try await running("SELECT /* impatient */") == 1 }
            asking.cancel()
            _ = await asking.result
            try await MariaDBServer.eventually("the query has ended") {
                try await running("SELECT /* impatient */") == 0
            }
        }
    }

    @Test("An error in the midst of the rows breaks a JSON answer off, and is the last line of the other")
    func midway() async throws {
        try await withLeader("s_midway", tables: []) { client, _, _ in
            let port = try #require(client.port)
            // Fails at row 200,000.
            let sql =
                "SELECT seq, REPEAT('x', 100), IF(seq = 200000, (SELECT 1 UNION SELECT s.seq), 1) FROM seq_1_to_300000 s"
            let broken = try await HTTPClient.shared.execute(request(port, sql), timeout: .seconds(60))
            #expect(broken.status == .ok)
            await #expect(throws: (any Error).self) { for try await _ in broken.body {} }
            let lines = try await HTTPClient.shared.execute(
                request(port, sql, accept: "application/x-ndjson"), timeout: .seconds(60))
            var tail = ""
            for try await part in lines.body { tail = String((tail + String(buffer: part)).suffix(400)) }
            let last = try #require(tail.split(separator: "\n").last)
            #expect(last.hasPrefix("{\"error\":{") && last.contains("\"errno\":1242"), "\(last)")
        }
    }

    @Test("More queries at once than sessions: all are answered")
    func many() async throws {
        try await withLeader("s_many", tables: []) { client, _, _ in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<60 {
                    group.addTask { Int(try await client.query("SELECT \(index), SLEEP(0.01)").status.code) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses == Array(repeating: 200, count: 60))
        }
    }

    @Test("Commits that wait for their quorum hold no query up")
    func heldCommits() async throws {
        try await MariaDBServer.withServer(id: 18) { server in
            try await server.sql(
                "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); SET GLOBAL rpl_semi_sync_master_enabled = ON"
            )
            let login = SQLConfiguration(address: .unix(server.socket), user: "root", database: "d")
            let writes = SQLPool(login, size: 4)
            let queries = SQLPool(login, size: 2)
            defer {
                writes.close(interrupting: true)
                queries.close(interrupting: true)
            }
            for id in 1...3 {
                await #expect(throws: SQLError.self) {
                    try await writes.run(deadline: .milliseconds(200)) { session throws(SQLError) in
                        try session.query("INSERT INTO t VALUES (\(id))")
                    }
                }
            }
            let cluster = FakeCluster()
            cluster.state.withLock { $0.places = ReadPlaces(here: queries, leads: true) }
            try await withAPI(cluster: cluster) { client in
                let answer = try await client.query("SELECT COUNT(*) FROM t")
                #expect(answer.text.contains("\"rows\":[[0]]"), "\(answer.text)")
            }
            try await server.sql("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
        }
    }
}

@Suite("Where a query goes") struct QueryPlaceTests {
    @Test("The proxy's rules", arguments: [false, true], [false, true])
    func places(hasLeader: Bool, allowsStale: Bool) throws {
        let after = try #require(GTIDPosition("0-1-7"))
        func place(
            _ route: StatementRoute, _ consistency: ReadConsistency, _ after: GTIDPosition = .init(), here: Bool = true
        ) -> QueryPlace {
            QueryPlace(
                route, consistency, after: after,
                .init(
                    isReadableHere: here, leadsHere: false, hasLeaderElsewhere: hasLeader, allowsStaleReads: allowsStale
                ))
        }
        let away: QueryPlace = hasLeader ? .leader : .nowhere
        let mayStay = hasLeader || allowsStale
        #expect(place(.replica, .causal, after) == (mayStay ? .here(waitingFor: after) : .nowhere))
        #expect(place(.replica, .eventual) == (mayStay ? .here(waitingFor: nil) : .nowhere))
        #expect(place(.replica, .leader) == away)
        #expect(place(.leader, .eventual) == away)
        #expect(place(.anywhere, .causal) == (hasLeader ? .leader : allowsStale ? .here(waitingFor: nil) : .nowhere))
        #expect(place(.replica, .causal, here: false) == away)
    }

    @Test("The leader itself reads everything, and waits for nothing")
    func leading() throws {
        let after = try #require(GTIDPosition("0-1-7"))
        for consistency in ReadConsistency.allCases {
            for route in [StatementRoute.replica, .anywhere, .asBefore, .leader] {
                let offer = QueryPlace.Offer(
                    isReadableHere: true, leadsHere: true, hasLeaderElsewhere: false, allowsStaleReads: false)
                #expect(QueryPlace(route, consistency, after: after, offer) == .here(waitingFor: nil))
            }
        }
    }

    @Test("A replica that does not get there in time passes the query on, once; an uncertain leader answers nothing")
    func behind() async throws {
        try await withLeader("p_behind", tables: []) { client, cluster, _ in
            var configuration = HTTPAPIConfiguration()
            configuration.data.causalTimeout = .milliseconds(50)
            let replica = FakeCluster()
            let port = try #require(client.port)
            let here = cluster.state.withLock { $0.places.here }
            let target = ForwardTarget(baseURL: "http://127.0.0.1:\(port)", secret: "unused")
            replica.state.withLock { $0.places = ReadPlaces(here: here, leader: target) }
            try await withAPI(configuration, cluster: replica) { follower in
                let here = try await follower.query("SELECT 1")
                #expect(here.status == .ok)
                // The leader knows no such secret: that it says so shows that it was asked.
                #expect(try await follower.query("SELECT 1", #""after": "0-1-99999999""#).status == .unauthorized)
                #expect(try await follower.query("SELECT 1", #""consistency": "leader""#).status == .unauthorized)
                #expect(
                    try await follower.query(
                        "SELECT 1", #""consistency": "leader""#, headers: [.forwardedBy: "another"]
                    ).status
                        == .serviceUnavailable)
            }
            cluster.state.withLock { $0.holdsLease = false }
            #expect(try await client.query("SELECT 1").status == .ok)
            let uncertain = try await client.query("SELECT 1", #""consistency": "leader""#)
            #expect(uncertain.status == .serviceUnavailable)
        }
    }
}
