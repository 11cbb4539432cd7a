import Foundation
import MariaDBClient

/// Clients that write on every node of the primary site's cluster and remember what they were told.
public final class BridgeWorkload: @unchecked Sendable {
    private let lab: BridgeLab
    private let clients: Int
    private let lock = NSLock()
    private var acknowledged: Set<UInt64> = []
    private var acknowledgements: [Double] = []
    private var refusals: [UInt32: Int] = [:]
    private var nextID: UInt64
    private var stopped = false
    private let finished = DispatchGroup()
    /// How long a client rests after each transaction, in microseconds.
    private let restMicroseconds: UInt32

    public init(lab: BridgeLab, clients: Int = 6, firstID: UInt64 = 1, restMicroseconds: UInt32 = 2_000) {
        self.lab = lab
        self.clients = clients
        self.restMicroseconds = restMicroseconds
        nextID = firstID
    }

    public static func prepare(_ cluster: GaleraCluster) throws {
        let session = try cluster.anyNode().client()
        defer { session.close() }
        try session.query(
            "CREATE TABLE IF NOT EXISTS appends (id BIGINT UNSIGNED PRIMARY KEY, node VARCHAR(20), note VARCHAR(80))")
        try session.query("CREATE TABLE IF NOT EXISTS counters (id INT PRIMARY KEY, value BIGINT NOT NULL)")
        for counter in 0..<50 { try session.query("INSERT IGNORE INTO counters VALUES (\(counter), 0)") }
    }

    public func start() {
        for client in 0..<clients {
            finished.enter()
            Thread { [self] in
                run(client)
                finished.leave()
            }.start()
        }
    }

    public func stop() {
        lock.withLock { stopped = true }
        finished.wait()
    }

    public var acknowledgedCount: Int { lock.withLock { acknowledged.count } }
    /// By MariaDB's error number; 0 for connections that broke.
    public var refused: [UInt32: Int] { lock.withLock { refusals } }
    private var isStopped: Bool { lock.withLock { stopped } }

    /// The longest time without an acknowledged write since `mark`, seconds.
    public func longestGap(since mark: Double) -> Double {
        lock.withLock {
            var last = mark
            var gap = 0.0
            for time in acknowledgements where time >= mark {
                gap = max(gap, time - last)
                last = time
            }
            return gap
        }
    }

    private func run(_ client: Int) {
        var session: SQLSession?
        var attempt = client
        while !isStopped {
            do {
                if session == nil {
                    attempt += 1
                    let nodes = try lab.primary().cluster.nodes
                    session = try nodes[attempt % nodes.count].client(readTimeout: .seconds(8))
                }
                guard let session else { continue }
                let id = lock.withLock {
                    defer { nextID += 1 }
                    return nextID
                }
                try session.query("START TRANSACTION")
                try session.query("INSERT INTO appends VALUES (\(id), 'client \(client)', 'row \(id)')")
                try session.query("UPDATE counters SET value = value + 1 WHERE id = \(id % 50)")
                try session.query("COMMIT")
                lock.withLock {
                    _ = acknowledged.insert(id)
                    acknowledgements.append(Workload.now)
                }
                if restMicroseconds > 0 { usleep(restMicroseconds) }
            } catch {
                let number = (error as? SQLError).map { $0.kind == .server ? $0.errno : 0 } ?? 0
                lock.withLock { refusals[number, default: 0] += 1 }
                if number == 1213 { continue }
                session?.close()
                session = nil
                usleep(20_000)
            }
        }
        session?.close()
    }

    /// What was acknowledged and is not on the node.
    public func missing(on node: GaleraNode) throws -> [UInt64] {
        let session = try node.administrator()
        defer { session.close() }
        var present: Set<UInt64> = []
        let told = lock.withLock { acknowledged }
        try session.stream("SELECT id FROM \(LabNode.schema).appends") { row in
            if let text = row[0], let id = UInt64(text) { present.insert(id) }
        }
        return told.subtracting(present).sorted()
    }
}
