import LabSupport
import MariaDBWire
import Testing

extension Lab {
    /// FACTS 1.4 to 1.8 on a real server: what holds a commit, and what lets it go.
    @Suite struct HeldCommitTests {
        private let table = "CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY)"  // 0-1-1 and 0-1-2
        private let enable = "SET GLOBAL rpl_semi_sync_master_enabled=ON"

        private func waiters(_ server: MariaDBServer, _ count: Int) async throws {
            try await MariaDBServer.eventually("\(count) commits wait") {
                try await server.status("Rpl_semi_sync_master_wait_sessions") == count
            }
        }
        private func rowCount(_ server: MariaDBServer) async throws -> String {
            try await server.value("SELECT COUNT(*) FROM a.t")
        }

        @Test(arguments: [true, false]) func rowsStayInvisibleUntilTheAcknowledgement(_ enabledFirst: Bool) async throws
        {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(table)
                if enabledFirst { try await server.sql(enable) }
                let capture = try await Capture.open(server, from: "0-1-2", acknowledges: false)
                if !enabledFirst { try await server.sql(enable) }
                async let insert = server.sql("INSERT INTO a.t VALUES (1)")

                try await capture.recorder.waitFor("0-1-3")
                let held = try #require(capture.recorder.last)
                #expect(held.part == .whole)
                #expect(held.ackWanted)
                try await waiters(server, 1)
                #expect(try await rowCount(server) == "0")
                #expect(try await server.value("SELECT @@gtid_binlog_pos") == "0-1-3")

                try await capture.acknowledge(held)
                _ = try await insert
                #expect(try await rowCount(server) == "1")
                #expect(try await server.status("Rpl_semi_sync_master_yes_tx") == 1)
                #expect(try await server.status("Rpl_semi_sync_master_no_tx") == 0)
                try await capture.close()
            }
        }

        @Test func oneAcknowledgementReleasesEverythingBeforeIt() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(table + ";" + enable)
                let capture = try await Capture.open(server, from: "0-1-2", acknowledges: false)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for i in 1...8 { group.addTask { _ = try await server.sql("INSERT INTO a.t VALUES (\(i))") } }
                    // The first group waits; the others queue behind it or follow as one group.
                    try await capture.recorder.waitFor("0-1-3")
                    while capture.recorder.gtids.count < 8 {
                        let last = try #require(capture.recorder.last)
                        try await capture.acknowledge(last)
                        try await MariaDBServer.eventually("more comes") {
                            capture.recorder.last != last || capture.recorder.gtids.count == 8
                        }
                    }
                    try await capture.acknowledge(try #require(capture.recorder.last))
                    try await group.waitForAll()
                }
                #expect(try await rowCount(server) == "8")
                #expect(capture.recorder.gtids == (3...10).map { "0-1-\($0)" })
                #expect(try await server.status("Rpl_semi_sync_master_yes_tx") == 8)
                try await capture.close()
            }
        }

        @Test func schemaChangesAreVisibleBeforeTheirAcknowledgement() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(table + ";" + enable)
                let capture = try await Capture.open(server, from: "0-1-2", acknowledges: false)
                async let alter = server.sql("CREATE TABLE a.u (i INT PRIMARY KEY)")
                try await capture.recorder.waitFor("0-1-3")
                #expect(capture.recorder.last?.ackWanted == true)
                try await waiters(server, 1)
                // Seen, though not read: the statement still holds the table's metadata lock.
                #expect(try await server.sql("SHOW TABLES FROM a LIKE 'u'") == [["u"]])
                try await capture.acknowledge(try #require(capture.recorder.last))
                _ = try await alter
                try await capture.close()
            }
        }

        /// FACTS 1.6: the client even gets its OK, and only the counter tells.
        @Test(arguments: ["KILL QUERY", "KILL CONNECTION"])
        func aKilledWaiterCommitsWithoutAcknowledgement(_ kill: String) async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(table + ";" + enable)
                let capture = try await Capture.open(server, from: "0-1-2", acknowledges: false)
                let insert = Task { try await server.sql("INSERT INTO a.t VALUES (1)") }
                try await capture.recorder.waitFor("0-1-3")
                try await waiters(server, 1)
                let thread = try await server.value(
                    "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO a.t%'")
                try await server.sql("\(kill) \(thread)")
                _ = await insert.result
                #expect(try await rowCount(server) == "1")
                #expect(try await server.status("Rpl_semi_sync_master_no_tx") == 1)
                try await capture.close()
            }
        }

        /// FACTS 1.6 again: switching semi-sync off lets everything go.
        @Test func switchingItOffReleasesTheWaiters() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(table + ";" + enable)
                let capture = try await Capture.open(server, from: "0-1-2", acknowledges: false)
                async let insert = server.sql("INSERT INTO a.t VALUES (1)")
                try await capture.recorder.waitFor("0-1-3")
                try await waiters(server, 1)
                try await server.sql("SET GLOBAL rpl_semi_sync_master_enabled=OFF")
                _ = try await insert
                #expect(try await rowCount(server) == "1")
                // A stray acknowledgement then does no harm, and the stream goes on.
                try await capture.acknowledge(try #require(capture.recorder.last))
                try await server.sql("INSERT INTO a.t VALUES (2)")
                try await capture.recorder.waitFor("0-1-4")
                #expect(capture.recorder.last?.ackWanted == false)
                try await capture.close()
            }
        }

        /// FACTS 1.5: without its replica the server goes on holding.
        @Test func waitersOutliveTheConnection() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(table + ";" + enable)
                let capture = try await Capture.open(server, from: "0-1-2", acknowledges: false)
                async let insert = server.sql("INSERT INTO a.t VALUES (1)")
                try await capture.recorder.waitFor("0-1-3")
                try await capture.close()
                try await MariaDBServer.eventually("the server has noticed") {
                    try await server.status("Rpl_semi_sync_master_clients") == 0
                }
                #expect(try await server.status("Rpl_semi_sync_master_wait_sessions") == 1)
                #expect(try await rowCount(server) == "0")

                // From the committed position the transaction comes again, and asks again.
                let again = try await Capture.open(server, from: "0-1-2", acknowledges: true)
                try await again.recorder.waitFor("0-1-3")
                _ = try await insert
                #expect(again.recorder.last?.events == capture.recorder.last?.events)
                #expect(try await server.status("Rpl_semi_sync_master_no_tx") == 0)
                try await again.close()
            }
        }

        /// FACTS 1.8: connected at what it received but never acknowledged, the commit hangs until the ACK is sent again.
        @Test func anAcknowledgementMayComeFromALaterConnection() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(table + ";" + enable)
                let capture = try await Capture.open(server, from: "0-1-2", acknowledges: false)
                async let insert = server.sql("INSERT INTO a.t VALUES (1)")
                try await capture.recorder.waitFor("0-1-3")
                let held = try #require(capture.recorder.last)
                try await capture.close()

                let again = try await Capture.open(server, from: "0-1-3", acknowledges: true)
                try await MariaDBServer.eventually("a few heartbeats") { again.recorder.read(\.aliveCount) > 3 }
                #expect(again.recorder.gtids == [])
                try await waiters(server, 1)
                #expect(try await rowCount(server) == "0")
                try await again.acknowledge(held)
                _ = try await insert
                #expect(try await server.status("Rpl_semi_sync_master_no_tx") == 0)
                try await again.close()
            }
        }

        /// FACTS 1.7: the start position counts as an acknowledgement once the file has changed, here because the held
        /// transaction filled it. This is the server's doing; the test is here so that nobody starts at a position that
        /// is not committed.
        @Test func theStartPositionIsAnAcknowledgement() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql("CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY, b BLOB);" + enable)
                try await server.sql("SET GLOBAL max_binlog_size=4096")
                let capture = try await Capture.open(server, from: "0-1-2", acknowledges: false)
                async let insert = server.sql("INSERT INTO a.t VALUES (1, REPEAT('x', 8000))")
                try await capture.recorder.waitFor("0-1-3")
                try await waiters(server, 1)
                try await capture.close()
                #expect(try await rowCount(server) == "0")
                let again = try await Capture.open(server, from: "0-1-3", acknowledges: false)
                _ = try await insert
                #expect(try await rowCount(server) == "1")
                #expect(try await server.status("Rpl_semi_sync_master_no_tx") == 0)
                try await again.close()
            }
        }

        @Test func rotationChangesTheFileOfTheAcknowledgement() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(table + ";" + enable)
                let capture = try await Capture.open(server, from: "0-1-2")
                for i in 1...3 { try await server.sql("INSERT INTO a.t VALUES (\(i)); FLUSH BINARY LOGS") }
                try await server.sql("INSERT INTO a.t VALUES (4)")
                #expect(capture.recorder.read { $0.parts.map(\.file) } == (1...4).map { "binlog.00000\($0)" })
                #expect(try await server.status("Rpl_semi_sync_master_yes_tx") == 4)
                try await capture.close()
            }
        }
    }
}
