import ClusterCore
import Foundation
import LabSupport
import MariaDBWire
import NIOCore
import Testing

extension Lab {
    /// What a real server streams.
    @Suite struct CaptureTests {
        private let table = "CREATE DATABASE a; CREATE TABLE a.t (i INT PRIMARY KEY, b LONGBLOB)"

        @Test func knowsTransactionsOfEveryKind() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(table)
                let capture = try await Capture.open(server, from: "0-1-2")
                try await server.sql("SET GLOBAL rpl_semi_sync_master_enabled=ON")
                let statements = [
                    "INSERT INTO a.t VALUES (1, 'x')",
                    "BEGIN; INSERT INTO a.t VALUES (2, NULL); SAVEPOINT s; INSERT INTO a.t VALUES (3, NULL); ROLLBACK TO s; COMMIT",
                    "CREATE TABLE a.m (i INT) ENGINE=MyISAM", "INSERT INTO a.m VALUES (1), (2)",
                    "CREATE TABLE a.c (i INT PRIMARY KEY) SELECT i FROM a.t",
                    "CREATE SEQUENCE a.s", "SELECT NEXT VALUE FOR a.s", "TRUNCATE a.c", "ANALYZE TABLE a.t",
                    "XA START 'x'; INSERT INTO a.t VALUES (4, NULL); XA END 'x'; XA PREPARE 'x'", "XA COMMIT 'x'",
                    "XA START 'y'; INSERT INTO a.t VALUES (5, NULL); XA END 'y'; XA PREPARE 'y'", "XA ROLLBACK 'y'",
                    "XA START 'z'; INSERT INTO a.t VALUES (6, NULL); XA END 'z'; XA COMMIT 'z' ONE PHASE",
                    "SET gtid_domain_id=3; INSERT INTO a.t VALUES (7, NULL)",
                    "SET binlog_format=STATEMENT; SET @v='u'; INSERT INTO a.t VALUES (8, @v)",
                    "SET binlog_format=STATEMENT; INSERT INTO a.m VALUES (ROUND(RAND()))",
                    "SET GLOBAL log_bin_compress=ON; INSERT INTO a.t VALUES (9, REPEAT('z', 5000))",
                    "GRANT SELECT ON a.* TO someone IDENTIFIED BY 'x'", "FLUSH TABLES",
                    "CREATE TRIGGER a.g AFTER INSERT ON a.t FOR EACH ROW INSERT INTO a.m VALUES (NEW.i)",
                    "INSERT INTO a.t VALUES (10, NULL)", "DROP DATABASE a",
                ]
                for statement in statements {
                    try await server.sql(statement)
                    let position = GTIDPosition(try await server.value("SELECT @@gtid_binlog_pos"))!
                    for gtid in position.gtids where gtid.sequence > 2 {
                        try await capture.recorder.waitFor(gtid.description)
                    }
                }
                let parts = capture.recorder.read(\.parts)
                #expect(parts.allSatisfy { $0.part == .whole && $0.ackWanted })
                var last = GTIDPosition("0-1-2")!
                for part in parts {
                    #expect(part.gtid.sequence == (last[part.gtid.domain]?.sequence ?? 0) + 1)
                    last.advance(to: part.gtid)
                    let header = try #require(BinlogEventHeader(part.events, at: part.events.readerIndex))
                    #expect(header.type == .gtid)
                }
                #expect(last == GTIDPosition(try await server.value("SELECT @@gtid_binlog_pos")))
                #expect(try await server.status("Rpl_semi_sync_master_no_tx") == 0)
                try await capture.close()
            }
        }

        /// A row event of 64 MB spans five packets. What comes in pieces is, byte for byte, what the binlog file holds.
        @Test func aLargeBlobComesInPiecesAndExactly() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(table)
                let capture = try await Capture.open(server, from: "0-1-2")
                try await server.sql("SET GLOBAL rpl_semi_sync_master_enabled=ON")
                try await server.sql(
                    "INSERT INTO a.t VALUES (1, REPEAT('0123456789abcdef', 4*1024*1024)), (2, 'small')")
                try await capture.recorder.waitFor("0-1-3")
                let parts = capture.recorder.read(\.parts)
                #expect(parts.count > 60)
                #expect(parts.allSatisfy { $0.events.readableBytes <= 1 << 20 })
                #expect(parts.first?.part == .first)
                #expect(parts.last?.part == .last)
                #expect(parts.filter(\.ackWanted).count == 1)
                let captured = parts.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1.events) }
                let file = try server.binlog(parts[0].file)
                let end = Int(try #require(parts.last).endOffset)
                #expect(captured.readableBytes > 64 << 20)
                #expect(Data(captured.readableBytesView) == file[(end - captured.readableBytes)..<end])
                try await capture.close()
            }
        }

        @Test func aPausedReaderHoldsTheServerBack() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                try await server.sql(table)
                let capture = try await Capture.open(server, from: "0-1-2", semiSync: false)
                let source = capture.source
                try await source.eventLoop.submit { source.setReading(false) }.get()
                for i in 1...20 { try await server.sql("INSERT INTO a.t VALUES (\(i), REPEAT('x', 1024*1024))") }
                // At most the burst that was under way, and none of it for as long as it is off.
                let before = capture.recorder.read(\.parts.count)
                #expect(before < 10)
                try await source.eventLoop.submit { source.setReading(true) }.get()
                try await capture.recorder.waitFor("0-1-22")
                try await capture.close()
            }
        }

        @Test func anIdleServerIsAlive() async throws {
            try await MariaDBServer.withServer(id: 1) { server in
                let capture = try await Capture.open(server) { $0.heartbeat = .milliseconds(20) }
                try await MariaDBServer.eventually("heartbeats come") { capture.recorder.read(\.aliveCount) > 5 }
                let source = capture.source
                let (file, format) = try await source.eventLoop.submit { (source.file, source.formatDescription) }.get()
                #expect(file == "binlog.000001")
                #expect(format?.readableBytes == 252)
                try await capture.close()
                #expect(capture.recorder.read(\.error) == nil)
            }
        }
    }
}
