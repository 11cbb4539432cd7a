import LabSupport
import Testing

extension Lab {
    @Suite(.timeLimit(.minutes(2))) struct MariaDBServerTests {
        /// Without `--init-rpl-role=SLAVE`: with it the kill may take the last transaction back (FACTS 2.2).
        @Test func startsStopsAndStartsAgain() async throws {
            try await MariaDBServer.withServer(id: 7, options: ["--log-bin=binlog"]) { server in
                #expect(try await server.value("SELECT @@server_id") == "7")
                try await server.sql(
                    "CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY); INSERT INTO a.t VALUES (1),(2)")
                await server.kill()
                try await server.launch(options: ["--log-bin=binlog"])
                #expect(try await server.sql("SELECT i FROM a.t ORDER BY i") == [["1"], ["2"]])
                await server.stop()
                #expect(server.pid == nil)
            }
        }
    }
}
