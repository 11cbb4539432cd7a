import LabSupport
import MariaDBWire
import Testing

/// FACTS 1.4 to 1.8 on a real server.
@Suite struct HeldCommitTests {
    @Test func rowsStayInvisibleUntilTheAcknowledgement() async throws {
        try await MariaDBServer.withServer(id: 1) { server in
            try await server.sql("CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY)")
            let capture = try await Capture.open(server, from: "0-1-2", acknowledges: false)
            try await server.sql("SET GLOBAL rpl_semi_sync_master_enabled=ON")
            async let insert = server.sql("INSERT INTO a.t VALUES (1)")

            try await capture.recorder.waitFor("0-1-3")
            let held = try #require(capture.recorder.last)
            #expect(held.part == .whole)
            #expect(held.ackWanted)
            #expect(try await server.value("SELECT COUNT(*) FROM a.t") == "0")
            #expect(try await server.value("SELECT @@gtid_binlog_pos") == "0-1-3")
            #expect(try await server.status("Rpl_semi_sync_master_wait_sessions") == 1)

            try await capture.acknowledge(held)
            _ = try await insert
            #expect(try await server.value("SELECT COUNT(*) FROM a.t") == "1")
            #expect(try await server.status("Rpl_semi_sync_master_yes_tx") == 1)
            #expect(try await server.status("Rpl_semi_sync_master_no_tx") == 0)
            try await capture.close()
        }
    }
}
