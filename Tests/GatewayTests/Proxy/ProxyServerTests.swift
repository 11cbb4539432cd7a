import Foundation
import Gateway
import LabSupport
import MariaDBClient
import Testing

@Suite("The proxy in front of one server", .serialized) struct ProxyServerTests {
    private func withProxy<Value: Sendable>(
        _ body: (ProxyFixture, MariaDBServer) async throws -> Value
    ) async throws -> Value {
        let server = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(server)
        // A server alone has no replica's position to wait for.
        return try await ProxyFixture.with(leader: server, replica: server) {
            $0.readConsistency = .eventual
        } _: {
            try await body($0, server)
        }
    }

    @Test("Text and prepared statements, errors, blobs")
    func statements() async throws {
        try await withProxy { fixture, _ in
            try await withSession(fixture.configuration) { session throws(SQLError) in
                try session.query("CREATE OR REPLACE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGBLOB)")
                let made = try session.query("INSERT INTO t (v) VALUES ('a'), (NULL)")
                #expect(made.affectedRows == 2 && made.lastInsertID == 1)
                #expect(try session.query("SELECT id, v FROM t ORDER BY id").rows == [["1", "a"], ["2", nil]])
                for round in 0..<3 {
                    let result = try session.execute(
                        "INSERT INTO t (v) VALUES (?)", [.bytes([UInt8](repeating: 7, count: 300_000 << round))])
                    #expect(result.affectedRows == 1)
                    let read = try session.execute("SELECT LENGTH(v) FROM t WHERE id = ?", [.int64(Int64(3 + round))])
                    #expect(read.scalar == "\(300_000 << round)")
                }
                do throws(SQLError) {
                    try session.query("SELECT * FROM nowhere")
                    Issue.record("no error")
                } catch {
                    #expect(error.errno == 1146 && error.sqlState == "42S02")
                }
                try session.query("INSERT INTO t (id, v) VALUES (99, REPEAT('x', 40000000))")
                #expect(try session.query("SELECT v FROM t WHERE id = 99").scalar?.utf8.count == 40_000_000)
            }
        }
    }

    @Test("After an answer of any size comes the next one")
    func largeAnswers() async throws {
        try await withProxy { fixture, _ in
            try await withSession(fixture.configuration) { session throws(SQLError) in
                // Whether the client's socket is full at the end of an answer is a matter of chance.
                for round in 0..<40 {
                    let count = 200_000 + round * 150_000
                    #expect(try session.query("SELECT REPEAT('x', \(count))").scalar?.utf8.count == count)
                    #expect(try session.query("SELECT \(round)").scalar == "\(round)")
                }
            }
        }
    }

    @Test("The database beside the proxy is spoken to by its socket, but for accounts to which that makes a difference")
    func socket() async throws {
        let server = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(server)
        try await server.sql("CREATE OR REPLACE TABLE shop.so (id INT); INSERT INTO shop.so VALUES (5)")
        for pool in [0, 4] {
            try await ProxyFixture.with(view: ProxyFixture.local(server)) {
                $0.readConsistency = .eventual
                $0.poolMax = pool
            } _: { fixture in
                for (user, seen) in [("bare", "localhost"), ("near", "127.0.0.1"), ("bare", "localhost")] {
                    var configuration = fixture.configuration
                    configuration.user = user
                    configuration.password = nil
                    try await withSession(configuration) { session throws(SQLError) in
                        let told = try session.query("SELECT USER()").scalar
                        #expect(told == "\(user)@\(seen)", "pool \(pool)")
                        #expect(try session.query("SELECT id FROM so").scalar == "5")
                        let large = try session.query("SELECT REPEAT('x', 20000000) FROM so")
                        #expect(large.scalar?.utf8.count == 20_000_000)
                    }
                }
            }
        }
    }

    @Test("FOUND_ROWS() after a SELECT that failed is about the one before")
    func foundRows() async throws {
        try await withProxy { fixture, _ in
            try await withSession(fixture.configuration) { session throws(SQLError) in
                try session.query("CREATE OR REPLACE TABLE fr (a INT, b INT, c INT, d INT)")
                // At the replica two rows, at the leader four.
                try session.query("SELECT 1 UNION SELECT 2")
                try session.query("DESCRIBE fr")
                do throws(SQLError) { try session.query("SELECT * FROM nowhere") } catch {}
                #expect(try session.query("SELECT FOUND_ROWS()").scalar == "4")
                // Nor does SET, which the leader is sent first, change it.
                try session.query("SELECT 1 UNION SELECT 2")
                try session.query("SET autocommit = 1")
                do throws(SQLError) { try session.query("SELECT * FROM nowhere") } catch {}
                #expect(try session.query("SELECT FOUND_ROWS()").scalar == "2")
            }
        }
    }

    @Test("A wrong password, an unknown user, an unknown schema")
    func refusals() async throws {
        try await withProxy { fixture, _ in
            for (user, password, schema, errno) in [
                ("app", "wrong", "shop", UInt32(1045)), ("nobody", "x", "shop", 1045),
                ("app", "app-secret", "none", 1044),
                ("bare", "x", "shop", 1045),
            ] {
                var configuration = fixture.configuration
                configuration.user = user
                configuration.password = password
                configuration.database = schema
                do {
                    try await withSession(configuration) { _ throws(SQLError) in }
                    Issue.record("\(user) was let in")
                } catch let error as SQLError {
                    #expect(error.errno == errno, "\(error)")
                }
            }
            var bare = fixture.configuration
            bare.user = "bare"
            bare.password = nil
            try await withSession(bare) { session throws(SQLError) in try session.ping() }
        }
    }

    @Test("The session's state is the same at both databases")
    func sessionState() async throws {
        try await withProxy { fixture, _ in
            try await withSession(fixture.configuration) { session throws(SQLError) in
                try session.query("CREATE OR REPLACE TABLE s (a VARCHAR(20)) CHARSET utf8mb4")
                try session.query("INSERT INTO s VALUES ('é')")
                #expect(try session.query("SELECT a FROM s").scalar == "é")
                try session.query("SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', time_zone = '+03:00'")
                #expect(try session.query("SELECT \"a\" FROM s").scalar == "é")
                #expect(try session.query("SELECT 'a\\' FROM s").scalar == "a\\")
                #expect(try session.query("SELECT FROM_UNIXTIME(0)").scalar == "1970-01-01 03:00:00")
                try session.query("SET NAMES latin1")
                #expect(try session.query("SELECT HEX(CONCAT(a)) FROM s").scalar == "C3A9")
                try session.query("SET NAMES utf8mb4 COLLATE utf8mb4_bin")
                #expect(try session.query("SELECT 'a' = 'A'").scalar == "0")
                try session.query("USE information_schema")
                #expect(try session.query("SELECT COUNT(*) FROM SCHEMATA WHERE SCHEMA_NAME = 'shop'").scalar == "1")
            }
        }
    }

    @Test("Sessions outside a transaction move to the next leader, others are lost")
    func failover() async throws {
        let server = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(server)
        try await MariaDBServer.withServer(id: 11, options: SharedServer.options) { other in
            try await ProxyFixture.makeAccounts(other)
            for each in [server, other] { try await each.sql("CREATE OR REPLACE TABLE shop.f (id INT PRIMARY KEY)") }
            try await ProxyFixture.with(leader: server) { fixture in
                let idle = SQLRunner(fixture.configuration, deadline: .seconds(20))
                let busy = SQLRunner(fixture.configuration, deadline: .seconds(20))
                defer {
                    idle.close()
                    busy.close()
                }
                try await idle.query("SET time_zone = '+05:00'")
                try await idle.run { session throws(SQLError) in
                    _ = try session.execute("INSERT INTO f VALUES (?)", [.int64(1)])
                }
                async let ended = busy.run { session throws(SQLError) in
                    try session.query("START TRANSACTION")
                    try session.query("INSERT INTO f VALUES (2)")
                    for _ in 0..<200 {
                        do throws(SQLError) { try session.query("DO SLEEP(0.05) /* busy */") } catch {
                            return error.kind == .lost
                        }
                    }
                    return false
                }
                try await MariaDBServer.eventually("a transaction is open") {
                    try await server.value(
                        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO SLEEP%busy%'") == "1"
                }
                fixture.proxy.update(ProxyFixture.view(leader: nil, epoch: 0))
                fixture.proxy.update(ProxyFixture.view(leader: other, epoch: 2))
                // A statement may still have met the old leader, which lives.
                try await MariaDBServer.eventually("the idle session is at the next leader") {
                    try await idle.query("SELECT @@time_zone, @@server_id").rows == [["+05:00", "11"]]
                }
                try await idle.run { session throws(SQLError) in
                    _ = try session.execute("INSERT INTO f VALUES (?)", [.int64(3)])
                }
                #expect(try await ended)
                #expect(try await other.value("SELECT GROUP_CONCAT(id) FROM shop.f") == "3")
            }
        }
    }

    @Test(
        "A read that waits at the old leader is asked again at the next one, and what the session has lost is not forgotten"
    )
    func readDuringFailover() async throws {
        let server = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(server)
        try await MariaDBServer.withServer(id: 11, options: SharedServer.options) { other in
            try await ProxyFixture.makeAccounts(other)
            for each in [server, other] { try await each.sql("CREATE OR REPLACE TABLE shop.rf (id INT)") }
            try await other.sql("INSERT INTO shop.rf VALUES (11)")
            try await ProxyFixture.with(leader: server) { fixture in
                let holder = SQLRunner(ProxyFixture.direct(server), deadline: .seconds(20))
                let reader = SQLRunner(fixture.configuration, deadline: .seconds(20))
                defer {
                    holder.close()
                    reader.close()
                }
                try await holder.query("LOCK TABLES rf WRITE")
                try await reader.query("SET @x = 1")
                async let read = reader.query("SELECT id FROM rf")
                try await MariaDBServer.eventually("the read waits") {
                    try await server.value(
                        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO = 'SELECT id FROM rf'") == "1"
                }
                fixture.proxy.update(ProxyFixture.view(leader: other, epoch: 2))
                #expect(try await read.scalar == "11")
                let error = await #expect(throws: SQLError.self) { try await reader.query("SELECT @x") }
                #expect(error?.kind == .lost)
            }
        }
    }

    @Test("KILL works by the numbers that clients see")
    func kill() async throws {
        try await withProxy { fixture, _ in
            let victim = SQLRunner(fixture.configuration, deadline: .seconds(20))
            let killer = SQLRunner(fixture.configuration, deadline: .seconds(20))
            defer {
                victim.close()
                killer.close()
            }
            let id = try await victim.run { session throws(SQLError) in session.threadID }
            async let slept = victim.query("SELECT SLEEP(15)")
            try await MariaDBServer.eventually("it sleeps") {
                try await killer.query(
                    "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(15)%'"
                ).scalar == "1"
            }
            try await killer.query("KILL QUERY \(id)")
            // MariaDB's SLEEP ends with 1 when its query is killed, or with an error.
            do { #expect(try await slept.scalar == "1") } catch let error as SQLError { #expect(error.errno == 1317) }
            try await killer.query("KILL \(id)")
            try await MariaDBServer.eventually("its connection is lost, and the runner opens another") {
                try await victim.run { session throws(SQLError) in session.threadID } != id
            }
            await #expect(throws: SQLError.self) { try await killer.query("KILL 4294967290") }
        }
    }

    /// The server names what a session may not touch under its locks, and only the one that has the locks can.
    @Test("Under LOCK TABLES every statement is judged by the server that has the locks")
    func tableLocks() async throws {
        try await withProxy { fixture, _ in
            try await withSession(fixture.configuration) { session throws(SQLError) in
                try session.query("CREATE OR REPLACE TABLE la (id INT)")
                try session.query("CREATE OR REPLACE TABLE lb (id INT)")
                try session.query("SELECT * FROM lb")
                func refused() -> UInt32? {
                    do throws(SQLError) { try session.query("SELECT * FROM lb") } catch { return error.errno }
                    return nil
                }
                try session.query("LOCK TABLES la READ")
                #expect(refused() == 1100)
                try session.query("UNLOCK TABLES")
                #expect(refused() == nil)
                // It ends a READ ONLY transaction, wherever that runs; and a transaction ends it.
                try session.query("START TRANSACTION READ ONLY")
                try session.query("SELECT * FROM lb")
                try session.query("LOCK TABLES la READ")
                #expect(refused() == 1100)
                try session.query("START TRANSACTION READ ONLY")
                #expect(refused() == nil)
                try session.query("COMMIT")
                try session.query("INSERT INTO la VALUES (1)")
                try session.query("START TRANSACTION READ ONLY")
                try session.query("SELECT * FROM lb")
                try session.query("BEGIN")
                try session.query("INSERT INTO lb VALUES (1)")
                try session.query("COMMIT")
                try session.query("START TRANSACTION READ ONLY")
                try session.query("SELECT * FROM lb")
                try session.query("ALTER TABLE lb COMMENT 'as the server itself does it'")
                try session.query("INSERT INTO lb VALUES (2)")
            }
        }
    }

    @Test("What only the session at the leader knows is refused in a READ ONLY transaction at the replica, not made up")
    func insertIDsOfReaders() async throws {
        try await withProxy { fixture, _ in
            try await withSession(fixture.configuration) { session throws(SQLError) in
                try session.query("CREATE OR REPLACE TABLE li (id INT AUTO_INCREMENT PRIMARY KEY)")
                try session.query("INSERT INTO li VALUES (7)")
                try session.query("INSERT INTO li VALUES ()")
                try session.query("START TRANSACTION READ ONLY")
                for text in [
                    "SELECT LAST_INSERT_ID()", "SELECT @@session.last_insert_id", "SELECT @@identity",
                    "SET timestamp = 5",
                ] {
                    let error = #expect(throws: SQLError.self) { try session.query(text) }
                    #expect(error?.errno == 1792, "\(text)")
                }
                try session.query("COMMIT")
                #expect(try session.query("SELECT LAST_INSERT_ID()").rows == [["8"]])
            }
        }
    }

    @Test("LOAD DATA LOCAL, several statements and several results, through the mariadb client")
    func client() async throws {
        try await withProxy { fixture, _ in
            let folder = FileManager.default.temporaryDirectory.path
            let file = "\(folder)/proxy-load-\(fixture.port).csv"
            try (1...50_000).map { "\($0),line \($0)" }.joined(separator: "\n")
                .write(toFile: file, atomically: true, encoding: .utf8)
            defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
            let output = try await MariaDBServer.run(
                [
                    "mariadb", "--no-defaults", "-h127.0.0.1", "-P\(fixture.port)", "-uapp",
                    "-p\(ProxyFixture.password)", "--local-infile=1", "-N", "shop",
                ],
                input: """
                    CREATE OR REPLACE TABLE l (id INT PRIMARY KEY, v VARCHAR(40));
                    LOAD DATA LOCAL INFILE '\(file)' INTO TABLE l FIELDS TERMINATED BY ',';
                    SELECT COUNT(*), MAX(id) FROM l;
                    DELIMITER //
                    CREATE OR REPLACE PROCEDURE two() BEGIN SELECT 1; SELECT 2; END//
                    DELIMITER ;
                    CALL two();
                    SELECT 5; SELECT 6;
                    """)
            #expect(output.split(separator: "\n").map(String.init) == ["50000\t50000", "1", "2", "5", "6"])
        }
    }
}
