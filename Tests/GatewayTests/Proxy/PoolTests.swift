import Gateway
import LabSupport
import MariaDBClient
import NIOCore
import Testing

/// Connections to the database that go from one client to the next.
@Suite("The pool of database connections", .serialized) struct PoolTests {
    private func withPool(
        _ size: Int = 4, _ body: (ProxyFixture, MariaDBServer) async throws -> Void
    ) async throws {
        let server = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(server)
        try await ProxyFixture.with(leader: server) {
            $0.poolMax = size
        } _: {
            try await body($0, server)
        }
    }

    /// Runs `body` with new sessions until one is on a connection that a session before had, and returns what that one gave.
    private func onReused<Value: Sendable>(
        _ configuration: SQLConfiguration, before: @escaping @Sendable (SQLSession) throws(SQLError) -> Void,
        _ body: @escaping @Sendable (SQLSession) throws(SQLError) -> Value
    ) async throws -> Value {
        var seen: Set<String> = []
        for _ in 0..<200 {
            let (id, value) = try await withSession(configuration) { session throws(SQLError) in
                let value = try body(session)
                let id = try session.query("SELECT CONNECTION_ID()").scalar ?? ""
                try before(session)
                return (id, value)
            }
            if !seen.insert(id).inserted { return value }
        }
        throw LabError("no connection was used again: \(seen.count) different ones")
    }

    @Test func nothingOfASessionIsLeftForTheNext() async throws {
        try await withPool { fixture, server in
            try await server.sql(
                """
                CREATE OR REPLACE TABLE shop.pooled (id INT AUTO_INCREMENT PRIMARY KEY, v INT);
                INSERT INTO shop.pooled VALUES (1, 1)
                """)
            let wanted = try await withSession(ProxyFixture.direct(server)) { session throws(SQLError) in
                try session.query(Self.look).rows
            }
            var configuration = fixture.configuration
            configuration.database = "shop"
            let found = try await onReused(configuration) { session throws(SQLError) in
                try session.query("SET @mine = 1, sql_mode = 'ANSI', time_zone = '+07:00', autocommit = 0")
                try session.query("SET NAMES latin1")
                try session.query("CREATE TEMPORARY TABLE mine (a INT)")
                try session.query("SELECT GET_LOCK('pooled', 5)")
                try session.query("INSERT INTO pooled (v) VALUES (7)")
                try session.query("UPDATE pooled SET v = 2 WHERE id = 1")
                try session.query("USE information_schema")
            } _: { session throws(SQLError) -> [[String?]] in
                do throws(SQLError) {
                    try session.query("SELECT * FROM mine")
                    return [["a temporary table is still there"]]
                } catch {}
                return try session.query(Self.look).rows
            }
            #expect(found == wanted)
            // Its locks went at once, not when the next one came.
            try await MariaDBServer.eventually("the locks are gone") {
                try await withSession(ProxyFixture.direct(server)) { session throws(SQLError) in
                    try session.query("SET innodb_lock_wait_timeout = 1")
                    try session.query("UPDATE pooled SET v = 3 WHERE id = 1")
                    return try session.query("SELECT IS_FREE_LOCK('pooled')").scalar == "1"
                }
            }
        }
    }

    private static let look = """
        SELECT @mine, @@sql_mode, @@time_zone, @@autocommit, @@character_set_client, @@collation_connection, DATABASE(), \
        LAST_INSERT_ID(), IS_FREE_LOCK('pooled'), (SELECT v FROM shop.pooled WHERE id = 1), @@in_transaction, USER()
        """

    @Test func everyClientLogsInItself() async throws {
        try await withPool { fixture, _ in
            var bare = fixture.configuration
            (bare.user, bare.password, bare.database) = ("bare", nil, nil)
            var wrong = fixture.configuration
            wrong.password = "wrong"
            for round in 0..<20 {
                let (user, schema) = try await withSession(fixture.configuration) { session throws(SQLError) in
                    let row = try session.query("SELECT CURRENT_USER(), DATABASE()").rows.first ?? []
                    return (row.first ?? nil, row.last ?? nil)
                }
                #expect(user == "app@%" && schema == "shop", "round \(round)")
                let other = try await withSession(bare) { session throws(SQLError) in
                    try session.query("SELECT CURRENT_USER(), DATABASE()").rows
                }
                #expect(other == [["bare@%", nil]], "round \(round)")
                await #expect(throws: SQLError.self) {
                    try await withSession(wrong) { session throws(SQLError) in try session.ping() }
                }
            }
        }
    }

    @Test func aConnectionThatTheServerEndedIsNotUsed() async throws {
        try await withPool { fixture, server in
            for _ in 0..<10 {
                let id = try await withSession(fixture.configuration) { session throws(SQLError) in
                    try session.query("SELECT CONNECTION_ID()").scalar ?? ""
                }
                // Dead or not by the time the next client comes: that one is served.
                do { try await server.sql("KILL \(id)") } catch { continue }
            }
            let one = try await withSession(fixture.configuration) { session throws(SQLError) in
                try session.query("SELECT 1").scalar
            }
            #expect(one == "1")
        }
    }

    @Test func theirNumberIsBounded() async throws {
        try await withPool(1) { fixture, server in
            let configuration = fixture.configuration
            let sessions = try await withSession(configuration) { _ throws(SQLError) in
                var sessions: [SQLSession] = []
                for _ in 0..<12 { sessions.append(try SQLSession(configuration)) }
                for session in sessions { session.close() }
                return sessions.count
            }
            #expect(sessions == 12)
            try await MariaDBServer.eventually("no session is left") { fixture.proxy.connectionCount == 0 }
            // One for each event loop at most.
            try await MariaDBServer.eventually("what is not kept is closed") {
                let count = try await withSession(ProxyFixture.direct(server)) { session throws(SQLError) in
                    try session.query("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app'").scalar
                }
                return (count.flatMap { Int($0) } ?? .max) <= 1 + System.coreCount
            }
        }
    }

    /// Of a leader that is none any more nothing is kept, although its server lives on.
    @Test func aNewLeaderEndsThem() async throws {
        try await withPool { fixture, server in
            for epoch in 2...6 {
                let schema = try await withSession(fixture.configuration) { session throws(SQLError) in
                    try session.query("SELECT DATABASE()").scalar
                }
                #expect(schema == "shop")
                fixture.proxy.update(ProxyFixture.view(leader: server, epoch: UInt64(epoch)))
            }
            try await MariaDBServer.eventually("what was kept is closed") {
                try await withSession(ProxyFixture.direct(server)) { session throws(SQLError) in
                    try session.query("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app'").scalar
                } == "1"
            }
        }
    }
}
