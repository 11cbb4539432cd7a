import Foundation
import LabSupport
import MariaDBWire
import NIOCore
import Testing

extension Lab {
    /// Row events of a real server, with a column of every type, taken apart and put together again.
    @Suite(.timeLimit(.minutes(5))) struct ColumnTypesTests {
        private static let table = """
            CREATE TABLE a.t (i INT PRIMARY KEY AUTO_INCREMENT, t TINYINT, s SMALLINT, m MEDIUMINT, b BIGINT UNSIGNED, f FLOAT,
            d DOUBLE, n DECIMAL(20,7), n2 DECIMAL(65,30), v VARCHAR(20), w VARCHAR(2000), c CHAR(10), c4 CHAR(255) CHARACTER SET utf8mb4,
            bi BINARY(16), vb VARBINARY(300), e ENUM('a','b','c'), z SET('x','y','z'), tb TINYBLOB, bl BLOB, mb MEDIUMBLOB,
            lb LONGBLOB, tx TEXT, j JSON, g POINT, bt BIT(13), b1 BIT(1), b64 BIT(64), dt DATE, ti TIME, t6 TIME(6), da DATETIME, d3 DATETIME(3),
            ts TIMESTAMP NULL, t4 TIMESTAMP(4) NULL, y YEAR, u UUID, i6 INET6)
            """
        private static let values = """
            SELECT NULL, seq % 100, seq, -seq, seq * 1e15, seq / 7, seq / 11, seq / 13, seq / 17, CONCAT('v', seq % 9), REPEAT('w', seq * 7 % 1900),
            seq, 'fixed', REPEAT('b', 16), REPEAT('x', seq % 300), 1 + seq % 3, seq % 8, 'tiny', REPEAT('blob', seq), REPEAT('m', seq * 100),
            IF(seq = 5, REPEAT('L', 100000), 'l'), 'text', '{"a": 1}', POINT(seq, 1), seq, seq % 2, ~0 - seq, '2026-01-01' + INTERVAL seq DAY, '10:11:12',
            '-10:11:12.123456', NOW(), NOW(3), NOW(), NOW(4), 2000 + seq % 100, UUID(), '::1' FROM seq_1_to_60
            """

        @Test func everyTypeComesBackAndIsTakenApart() async throws {
            try await MariaDBServer.withServer(
                id: 1, options: MariaDBServer.clusterOptions + ["--init-rpl-role=MASTER"]
            ) { server in
                let wide = (0..<300).map { "c\($0) INT" }.joined(separator: ", ")
                try await server.sql(
                    "CREATE DATABASE a; \(Self.table); CREATE TABLE a.wide (\(wide)); CREATE TABLE a.other (i INT, v VARCHAR(9))"
                )
                for image in ["FULL", "MINIMAL", "NOBLOB"] {
                    try await server.sql(
                        """
                        SET binlog_row_image=\(image); START TRANSACTION; INSERT INTO a.t \(Self.values);
                        INSERT INTO a.t (i) VALUES (NULL); INSERT INTO a.wide (c0, c299) VALUES (1, 2), (3, 4);
                        UPDATE a.t, a.other SET a.t.t = 1, a.other.v = 'x'; UPDATE a.t SET b = i, w = CONCAT('n', i), j = NULL WHERE i % 2;
                        UPDATE a.wide SET c7 = c0; DELETE FROM a.t WHERE i % 3 = 0; DELETE FROM a.wide; COMMIT
                        """)
                }
                let binlog = ByteBuffer(bytes: try server.binlog("binlog.000001"))
                try check(binlog)
            }
        }

        private func check(_ binlog: ByteBuffer) throws {
            // Behind the FORMAT_DESCRIPTION, whose checksum is wrong while the file is in use.
            let begin = 4 + Int(try #require(BinlogEventHeader(binlog, at: 4)).length)
            let whole = try #require(binlog.getSlice(at: begin, length: binlog.readableBytes - begin))
            let splitter = EventSplitter()
            var skeleton = ByteBuffer()
            #expect(splitter.split(whole, to: &skeleton))
            let streams = splitter.streams().reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
            let joiner = try #require(EventJoiner(streams))
            var restored = ByteBuffer()
            #expect(joiner.join(whole.readableBytes, from: &skeleton, to: &restored))
            #expect(restored == whole)
            // Hardly a row is left in the skeleton: the table's layout was understood.
            #expect(skeleton.writerIndex * 8 < whole.readableBytes, "\(skeleton.writerIndex) of \(whole.readableBytes)")
        }
    }
}
