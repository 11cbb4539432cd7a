import ClusterCore
import LabSupport
import NIOCore
import Testing

@testable import MariaDBWire

extension Lab {
    /// FACTS section 3: a real replica behind ``BinlogServer``.
    @Suite(.timeLimit(.minutes(2))) struct ApplyTests {
        private func withPair(_ body: (MariaDBServer, MariaDBServer, Relay) async throws -> Void) async throws {
            try await MariaDBServer.withServer(id: 1) { first in
                try await MariaDBServer.withServer(id: 2) { second in
                    let relay = try await Relay.start()
                    try await relay.capture(first, from: "")
                    try await first.sql("SET GLOBAL rpl_semi_sync_master_enabled=ON")
                    try await body(first, second, relay)
                    try await relay.stop()
                }
            }
        }

        /// Waits until `second` has all that `first` has, and compares.
        private func expectEqual(
            _ first: MariaDBServer, _ second: MariaDBServer, tables: [String]
        ) async throws {
            let position = try await first.value("SELECT @@gtid_binlog_pos")
            try await second.waitForApplied(position)
            let (here, there) = (
                GTIDPosition(position), GTIDPosition(try await second.value("SELECT @@gtid_binlog_pos"))
            )
            #expect(here == there)
            for table in tables { #expect(try await first.checksum(table) == second.checksum(table)) }
        }

        @Test func aSecondServerAppliesWhatTheFirstWrote() async throws {
            try await withPair { first, second, relay in
                try await relay.attach(second, position: "")
                try await first.sql(
                    """
                    CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY, v VARCHAR(100));
                    INSERT INTO a.t SELECT seq, REPEAT('x', seq % 100) FROM seq_1_to_5000;
                    UPDATE a.t SET v=CONCAT(i, 'y') WHERE i % 7 = 0; DELETE FROM a.t WHERE i % 11 = 0;
                    ALTER TABLE a.t ADD COLUMN w JSON, ADD INDEX (v); UPDATE a.t SET w='{"a": 1}';
                    CREATE TABLE a.m (i INT) ENGINE=MyISAM; INSERT INTO a.m VALUES (1), (2);
                    CREATE TABLE a.c (i INT PRIMARY KEY) SELECT i FROM a.t; CREATE USER u IDENTIFIED BY 'p'
                    """)
                try await expectEqual(first, second, tables: ["a.t", "a.m", "a.c"])
                let semiSync = try await relay.run { relay.sessionsAreSemiSync }
                #expect(semiSync == [true])
            }
        }

        @Test func distributedTransactionsAndSeveralDomains() async throws {
            try await withPair { first, second, relay in
                try await relay.attach(second, position: "")
                try await first.sql(
                    """
                    CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY);
                    XA START 'x'; INSERT INTO a.t VALUES (1); XA END 'x'; XA PREPARE 'x'
                    """)
                // A replica with parallel threads does not wait with one domain for another.
                try await expectEqual(first, second, tables: ["a.t"])
                try await first.sql("SET gtid_domain_id=7; INSERT INTO a.t VALUES (2)")
                try await first.sql("XA COMMIT 'x'")
                try await first.sql(
                    "SET gtid_domain_id=8; INSERT INTO a.t VALUES (3); SET gtid_domain_id=7; DELETE FROM a.t WHERE i=2")
                try await expectEqual(first, second, tables: ["a.t"])
                #expect(try await second.sql("SELECT i FROM a.t ORDER BY i") == [["1"], ["3"]])

                // Of several domains, each goes on where it was.
                try await second.sql("STOP SLAVE")
                try await first.sql(
                    "SET gtid_domain_id=8; INSERT INTO a.t VALUES (4); SET gtid_domain_id=0; INSERT INTO a.t VALUES (5)"
                )
                try await second.sql("START SLAVE")
                try await expectEqual(first, second, tables: ["a.t"])
            }
        }

        /// STOP SLAVE of a semi-sync replica connects a second time and kills its stream (FACTS 3.7).
        @Test func stopsAndStartsAgain() async throws {
            try await withPair { first, second, relay in
                try await relay.attach(second, position: "")
                try await first.sql("CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY)")
                for round in 1...3 {
                    try await first.sql("INSERT INTO a.t VALUES (\(round))")
                    try await expectEqual(first, second, tables: ["a.t"])
                    try await second.sql("STOP SLAVE")
                    try await MariaDBServer.eventually("the session is closed") {
                        try await relay.run { relay.closed == round && relay.opened == round }
                    }
                    #expect(!second.logTail(lines: 100).contains("cannot connect to master to kill"))
                    try await second.sql("START SLAVE")
                }
                try await MariaDBServer.eventually("it is back") { try await relay.run { relay.opened == 4 } }
            }
        }

        /// The replica counts positions itself and stops when a heartbeat lies below its own (FACTS 3.5).
        @Test func heartbeatsFitTheReplicasPosition() async throws {
            try await withPair { first, second, relay in
                try await relay.attach(second, position: "")
                try await first.sql("CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY)")
                for round in 1...3 {
                    let before = try await second.status("Slave_received_heartbeats")
                    try await MariaDBServer.eventually("heartbeats come") {
                        try await second.status("Slave_received_heartbeats") > before + 1
                    }
                    try await first.sql("INSERT INTO a.t VALUES (\(round)); FLUSH BINARY LOGS")
                    try await expectEqual(first, second, tables: ["a.t"])
                }
                try await second.throwReplicaError()
                #expect(try await relay.run { relay.opened } == 1)
            }
        }

        /// Positions of more than 32 bits: the first event puts the replica just below them.
        @Test func heartbeatsFitPositionsBeyond32Bits() async throws {
            try await withPair { first, second, relay in
                let high = EventFactory.event(
                    .gtidList, server: 501, end: 0xFFFF_FF00, flags: BinlogEventHeader.artificialFlag,
                    body: ByteBuffer(integer: UInt32(0)))
                try await relay.run { relay.prelude = high }
                try await relay.attach(second, position: "")
                try await first.sql(
                    "CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY); INSERT INTO a.t VALUES (1)")
                try await expectEqual(first, second, tables: ["a.t"])
                let before = try await second.status("Slave_received_heartbeats")
                try await MariaDBServer.eventually("heartbeats come") {
                    try await second.throwReplicaError()
                    return try await second.status("Slave_received_heartbeats") > before + 2
                }
                let position = try await second.replicaStatus()["Read_Master_Log_Pos"].flatMap { UInt64($0) }
                #expect(try #require(position) > 1 << 32)
                try await first.sql("INSERT INTO a.t VALUES (2)")
                try await expectEqual(first, second, tables: ["a.t"])
                #expect(try await relay.run { relay.opened } == 1)
            }
        }

        /// The agent dies in the middle of a transaction: the replica takes the rest from the next, and counts events.
        @Test(arguments: [UInt64(300_000), 2_500_000]) func goesOnAfterABreakInsideATransaction(
            _ bytes: UInt64
        ) async throws {
            try await withPair { first, second, relay in
                try await relay.run { relay.breaksAfterBytes = bytes }
                try await first.sql(
                    """
                    CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY, v TEXT); BEGIN;
                    INSERT INTO a.t SELECT seq, REPEAT('x', 100) FROM seq_1_to_20000;
                    UPDATE a.t SET v=REPEAT('y', 100) WHERE i % 2 = 0; COMMIT; INSERT INTO a.t VALUES (0, 'after')
                    """)
                try await relay.attach(second, position: "")
                try await expectEqual(first, second, tables: ["a.t"])
                #expect(try await relay.run { relay.opened } == 2)
            }
        }

        @Test func aReplicaThatIsKilledGoesOnWhereItWas() async throws {
            try await withPair { first, second, relay in
                try await relay.attach(second, position: "")
                try await first.sql("CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY AUTO_INCREMENT, v INT)")
                for _ in 1...3 {
                    async let load = first.sql(
                        (0..<200).map { "INSERT INTO a.t (v) VALUES (\($0)), (\($0))" }.joined(separator: ";"))
                    await second.kill()
                    _ = try await load
                    try await second.launch()
                    // A DDL statement is in the binlog before it is in gtid_slave_pos; a kill between the two leaves it there.
                    try await second.sql(
                        "SET GLOBAL gtid_slave_pos = @@gtid_binlog_pos; START SLAVE")
                    try await expectEqual(first, second, tables: ["a.t"])
                }
            }
        }

        /// FACTS 2.1, 2.2, 3.4: a leader that died with a commit it had not been allowed comes back without it, and takes
        /// it, its own, from the log.
        @Test func aServerIsRefilledWithItsOwnTransactions() async throws {
            try await withPair { first, second, relay in
                try await first.sql(
                    "CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY); INSERT INTO a.t VALUES (1)")
                try await relay.run { relay.acknowledges = false }
                let insert = Task { try await first.sql("INSERT INTO a.t VALUES (2)") }
                try await MariaDBServer.eventually("it is captured") {
                    try await relay.run { relay.log.last?.gtid == GTID("0-1-4") }
                }
                await first.kill()
                _ = await insert.result
                try await first.launch()
                let position = GTIDPosition(try await first.value("SELECT @@gtid_binlog_pos"))!
                #expect(!position.covers(GTID("0-1-4")!))
                #expect(try await first.value("SELECT COUNT(*) FROM a.t WHERE i=2") == "0")

                try await relay.attach(first, position: position.description)
                try await relay.attach(second, position: "")
                for server in [first, second] {
                    try await server.waitForApplied("0-1-4")
                    #expect(try await server.value("SELECT @@gtid_binlog_pos") == "0-1-4")
                    #expect(try await server.sql("SELECT i FROM a.t ORDER BY i") == [["1"], ["2"]])
                }
            }
        }

        @Test func aLargeBlobArrives() async throws {
            try await withPair { first, second, relay in
                try await relay.attach(second, position: "")
                try await first.sql(
                    """
                    CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY, b LONGBLOB);
                    INSERT INTO a.t VALUES (1, REPEAT('0123456789abcdef', 4*1024*1024)), (2, REPEAT('x', 16777150));
                    INSERT INTO a.t VALUES (3, 'after')
                    """)
                try await expectEqual(first, second, tables: ["a.t"])
            }
        }

        /// Frames that are exactly full: row events around 2^24-1 bytes, in steps of one byte.
        @Test func eventsAroundTheFrameLimitArrive() async throws {
            try await withPair { first, second, relay in
                try await relay.attach(second, position: "")
                try await first.sql("CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY, b LONGBLOB)")
                // Header, table id and flags, columns, NULL bits, key, blob length, checksum, packet prefix: 50 bytes or so.
                for bytes in (16_777_215 - 60)...(16_777_215 - 35) {
                    try await first.sql("TRUNCATE a.t; INSERT INTO a.t VALUES (1, REPEAT('x', \(bytes)))")
                }
                let sizes = try await relay.run { relay.eventSizes }
                // With status and semi-sync header, a packet of the limit was among them.
                #expect(sizes.contains(16_777_215 - 3))
                try await expectEqual(first, second, tables: ["a.t"])
            }
        }

        @Test func refusesWrongPasswordsAndItself() async throws {
            try await MariaDBServer.withServer(id: 2) { replica in
                let relay = try await Relay.start(serverID: 2)
                try await relay.attach(replica, position: "")
                try await MariaDBServer.eventually("the replica sees that the ids are equal") {
                    do { try await replica.throwReplicaError() } catch {
                        return "\(error)".contains("equal MariaDB server ids")
                    }
                    return false
                }
                let port = try await relay.run { relay.server.localPort }
                await #expect(throws: MariaDBServerError.self) {
                    try await MariaDBServer.run([
                        "mariadb", "--no-defaults", "-h127.0.0.1", "-P\(port)", "-urelay", "-pwrong", "--skip-ssl",
                        "-e",
                        "KILL 1",
                    ])
                }
                try await relay.stop()
            }
        }
    }
}
