import Foundation
import MariaDBClient

/// What is replicated in measurements of a line.
public enum ReplicatedLoad: String, CaseIterable, Sendable {
    /// oltp_write_only: small random updates.
    case sysbench
    /// Orders with text and JSON columns.
    case orders
    /// Transactions of 5,000 rows.
    case bulk
    /// The same with columns of random bytes.
    case incompressible

    public func prepare(_ node: LabNode) throws {
        switch self {
        case .sysbench: try Sysbench(host: node.host, port: node.databasePort).prepare()
        case .orders: try OrderEntry.prepare(node)
        case .bulk, .incompressible:
            try node.client().query(
                """
                CREATE TABLE bulk (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, account CHAR(12), name VARCHAR(60),
                city VARCHAR(30), amount DECIMAL(12,2), booked DATETIME, reference VARBINARY(200), purpose VARCHAR(200))
                """)
        }
    }

    /// Writes until the binlog has grown by so much.
    ///
    /// - Returns: by how much it did, and how many transactions it took.
    public func write(_ node: LabNode, binlogBytes: Int) throws -> (bytes: Int, transactions: Int) {
        let session = try node.administrator()
        let bytesBefore = try Self.binlogBytes(session)
        let before = try Self.sequence(session)
        let written = { try Self.binlogBytes(session) - bytesBefore }
        switch self {
        case .sysbench:
            let bench = Sysbench(host: node.host, port: node.databasePort)
            var seconds = 2
            while try written() < binlogBytes {
                let done = try written()
                _ = try bench.run(threads: 8, seconds: seconds)
                // As long as the rest takes at this pace.
                let pace = Double(max(1, try written() - done)) / Double(seconds)
                seconds = min(30, max(1, Int((Double(binlogBytes - (try written())) / pace).rounded(.up))))
            }
        case .orders: _ = try OrderEntry(node).run(clients: 8) { try written() >= binlogBytes }
        case .bulk, .incompressible:
            let client = try node.client(readTimeout: .seconds(120))
            while try written() < binlogBytes { try client.query(bulkStatement) }
        }
        return (try written(), Int(try Self.sequence(session) - before))
    }

    /// So many transactions a second for a while; a bulk load has no such thing.
    public func writeSteadily(_ node: LabNode, perSecond: Int, seconds: Int) throws {
        switch self {
        case .sysbench:
            _ = try Sysbench(host: node.host, port: node.databasePort).run(
                threads: 16, seconds: seconds, rate: perSecond)
        case .orders:
            let end = Workload.now + Double(seconds)
            _ = try OrderEntry(node).run(clients: 16, rate: Double(perSecond)) { Workload.now >= end }
        case .bulk, .incompressible: break
        }
    }

    private var bulkStatement: String {
        let reference = self == .bulk ? "LEFT(MD5(RAND()), 16)" : "RANDOM_BYTES(180)"
        return """
            INSERT INTO bulk (account, name, city, amount, booked, reference, purpose) SELECT
            LPAD(FLOOR(RAND() * 1e10), 12, '0'),
            CONCAT(ELT(1 + RAND() * 8, 'Anna', 'Ben', 'Clara', 'David', 'Emma', 'Felix', 'Greta', 'Hugo'), ' ',
            ELT(1 + RAND() * 8, 'Smith', 'Meyer', 'Rossi', 'Novak', 'Dubois', 'Jansen', 'Silva', 'Berg')),
            ELT(1 + RAND() * 8, 'Hamburg', 'Lyon', 'Porto', 'Turin', 'Malmo', 'Ghent', 'Leeds', 'Graz'),
            RAND() * 10000, NOW() - INTERVAL FLOOR(RAND() * 1e6) SECOND, \(reference),
            CONCAT(ELT(1 + RAND() * 5, 'invoice', 'salary', 'rent', 'refund', 'subscription'), ' ', FLOOR(RAND() * 1e6), ' ',
            ELT(1 + RAND() * 4, 'thank you', 'due at once', 'as agreed by telephone', 'second reminder'))
            FROM seq_1_to_5000
            """
    }

    static func binlogBytes(_ session: SQLSession) throws -> Int {
        let row = try session.query("SHOW GLOBAL STATUS LIKE 'Binlog_bytes_written'").rows.first
        return row?[1].flatMap { Int($0) } ?? 0
    }

    /// The last sequence number of the server's binlog.
    public static func sequence(_ session: SQLSession) throws -> UInt64 {
        sequence(try session.query("SELECT @@gtid_binlog_pos").scalar ?? "")
    }

    /// Of a position with one domain: `0-1-123` is 123, nothing is 0.
    public static func sequence(_ position: String) -> UInt64 {
        position.split(separator: "-").last.flatMap { UInt64($0) } ?? 0
    }
}
