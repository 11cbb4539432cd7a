import ClusterCore
import LabSupport
import Logging
import MariaDBWire
import NIOCore
import NIOPosix
import Testing

extension Lab {
    /// Logins, and the ways in which a start is refused.
    @Suite(.timeLimit(.minutes(2))) struct SourceConnectTests {
        private func failure(
            _ server: MariaDBServer, from start: String = "",
            change: (inout BinlogSource.Configuration) -> Void = { _ in }
        ) async throws -> BinlogSourceError {
            do {
                let capture = try await Capture.open(server, from: start, change: change)
                // Some refusals come only when the server has searched its binlog.
                try await MariaDBServer.eventually("the source ends") { capture.recorder.read(\.closed) }
                return try #require(capture.recorder.read(\.error))
            } catch let error as BinlogSourceError {
                #expect(!error.description.isEmpty)
                return error
            }
        }

        @Test func logsInAsAccountsDo() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(
                    """
                    CREATE USER plain IDENTIFIED BY 'pass word'; GRANT REPLICATION SLAVE ON *.* TO plain;
                    CREATE USER empty; GRANT REPLICATION SLAVE ON *.* TO empty;
                    CREATE USER nobody IDENTIFIED BY 'x'
                    """)
                let tcp = ServerAddress.tcp(host: "127.0.0.1", port: server.port)
                for (address, user, password) in [
                    (tcp, "plain", "pass word"), (tcp, "empty", ""), (.unix(path: server.socket), "plain", "pass word"),
                    (.unix(path: server.socket), "root", ""),
                ] {
                    let capture = try await Capture.open(server) {
                        $0.address = address
                        $0.credentials = Credentials(user: user, password: password)
                    }
                    try await capture.recorder.waitFor("0-1-1")
                    try await capture.close()
                }
                // As Debian and mariadb-install-db make root; the password method comes first and fails.
                for method in ["unix_socket", "mysql_native_password USING 'invalid' OR unix_socket"] {
                    try await server.sql("ALTER USER root@localhost IDENTIFIED VIA \(method)")
                    try await Capture.open(server).close()
                }
                for (user, password, code) in [
                    ("plain", "wrong", BinlogSourceError.Code.authenticationRefused),
                    ("missing", "", .authenticationRefused), ("nobody", "x", .privilegeMissing),
                ] {
                    let error = try await failure(server) {
                        $0.address = tcp
                        $0.credentials = Credentials(user: user, password: password)
                    }
                    #expect(error.code == code)
                    #expect(error.server != nil)
                }
            }
        }

        @Test func saysWhyAPositionIsRefused() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql("CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY)")
                #expect(try await failure(server, from: "0-1-9").code == .positionUnknown)
                #expect(try await failure(server, from: "0-77-1").code == .positionDiverged)
                try await server.sql("FLUSH BINARY LOGS; INSERT INTO a.t VALUES (1); FLUSH BINARY LOGS")
                try await server.sql("PURGE BINARY LOGS TO 'binlog.000003'")
                #expect(try await failure(server, from: "0-1-1").code == .positionPurged)
                #expect(try await failure(server, from: "").code == .positionPurged)
                // The end of what was purged is still a place to start from.
                try await Capture.open(server, from: "0-1-3").close()
            }
        }

        @Test func wantsABinlogWithChecksums() async throws {
            try await MariaDBServer.withServer(id: 1, options: ["--log-bin=binlog", "--binlog-checksum=NONE"]) {
                server in
                #expect(try await failure(server).code == .checksumsOff)
                // Switched on, the first file is still without, and its transaction is wanted.
                try await server.sql("CREATE DATABASE a")
                try await server.sql("SET GLOBAL binlog_checksum=CRC32")
                #expect(try await failure(server).code == .checksumsOff)
            }
            try await MariaDBServer.withServer(id: 1, options: []) { server in
                let error = try await failure(server)
                #expect(error.code == .binlogOff)
            }
        }

        @Test func aSecondReplicaWithTheSameIdTakesItsPlace() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                let first = try await Capture.open(server)
                let second = try await Capture.open(server)
                // The server looks at it when it has something to send, or at a heartbeat.
                try await MariaDBServer.eventually("the first is replaced") { first.recorder.read(\.closed) }
                let error = first.recorder.read(\.error)
                #expect(error?.code == .replaced, "\(error as Any)")
                try await second.close()
            }
        }

        @Test func seesTheServerGo() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                for polite in [true, false] {
                    let capture = try await Capture.open(server)
                    if polite { await server.stop() } else { await server.kill() }
                    try await MariaDBServer.eventually("the source ends") { capture.recorder.read(\.closed) }
                    #expect(capture.recorder.read(\.error)?.code == .disconnected)
                    #expect(try await failure(server).code == .cannotConnect)
                    try await server.launch()
                }
            }
        }

        @Test func doesNotWaitForeverForAServerThatSaysNothing() async throws {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let mute = try await ServerBootstrap(group: loop).bind(host: "127.0.0.1", port: 0).get()
            let configuration = BinlogSource.Configuration(
                address: .tcp(host: "127.0.0.1", port: mute.localAddress?.port ?? 0),
                credentials: Credentials(user: "root"), serverID: 1, start: GTIDPosition(), semiSync: true,
                connectTimeout: .milliseconds(100), logger: Logger(label: "test"))
            let recorder = Recorder()
            let error = await #expect(throws: BinlogSourceError.self) {
                try await BinlogSource.connect(configuration, on: loop, delegate: recorder).get()
            }
            #expect(error?.code == .timedOut)
            #expect(!recorder.read(\.closed))
            try await mute.close()
        }

        /// A server that is stopped (SIGSTOP) keeps its connection open and says nothing.
        @Test func silenceEndsTheSourceWhenItIsToldSo() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                let capture = try await Capture.open(server) {
                    $0.heartbeat = .milliseconds(50)
                    $0.silenceMax = .milliseconds(500)
                }
                try await MariaDBServer.eventually("heartbeats come") { capture.recorder.read(\.aliveCount) > 15 }
                #expect(!capture.recorder.read(\.closed))
                try server.signal(.stop)
                try await MariaDBServer.eventually("the source ends") { capture.recorder.read(\.closed) }
                #expect(capture.recorder.read(\.error)?.code == .timedOut)
                try server.signal(.resume)
            }
        }
    }
}
