import Foundation
import MariaDBClient

/// A client that tries to write every 10 ms, at every node at once, and knows how long nobody took its writes.
public final class FailoverProbe: @unchecked Sendable {
    private let cluster: LabCluster
    private let lock = NSLock()
    private var successes: [Double] = []
    private var acknowledged: Set<UInt64> = []
    private var failed: Set<UInt64> = []
    private var nextID: UInt64
    private var stopped = false

    public init(cluster: LabCluster, firstID: UInt64) {
        self.cluster = cluster
        nextID = firstID
    }

    public static func prepare(_ cluster: LabCluster) throws {
        try cluster.leader().client().query(
            "CREATE TABLE IF NOT EXISTS probes (id BIGINT UNSIGNED PRIMARY KEY, node VARCHAR(20))")
    }

    public func start() { for node in cluster.nodes { Thread { [self] in run(node) }.start() } }
    public func stop() { lock.withLock { stopped = true } }
    private var isStopped: Bool { lock.withLock { stopped } }

    private func run(_ node: LabNode) {
        var session: SQLSession?
        while !isStopped {
            let id = lock.withLock {
                defer { nextID += 1 }
                return nextID
            }
            do {
                if session == nil { session = try node.client(readTimeout: .seconds(30)) }
                try session?.query("INSERT INTO probes VALUES (\(id), '\(node.id)')")
                lock.withLock {
                    successes.append(Workload.now)
                    _ = acknowledged.insert(id)
                }
            } catch let error as SQLError {
                if error.kind == .server && error.errno == 1290 { lock.withLock { _ = failed.insert(id) } }
                if error.kind != .server {
                    session?.close()
                    session = nil
                }
            } catch { session = nil }
            usleep(10_000)
        }
        session?.close()
    }

    public var successCount: Int { lock.withLock { successes.count } }

    /// The longest time without a success after `mark`, in milliseconds; nil while there is none after it.
    public func gap(since mark: Double) -> Double? {
        lock.withLock {
            let before = successes.last { $0 <= mark } ?? mark
            let after = successes.filter { $0 > mark }
            guard !after.isEmpty else { return nil }
            var last = before
            var gap = 0.0
            for time in after {
                gap = max(gap, time - last)
                last = time
            }
            return gap * 1_000
        }
    }

    /// - Returns: how many acknowledged writes are missing on the node, and how many refused ones are there.
    public func check(_ node: LabNode) throws -> (lost: Int, phantom: Int) {
        var present: Set<UInt64> = []
        try node.administrator().stream("SELECT id FROM \(LabNode.schema).probes") { row in
            if let text = row[0], let id = UInt64(text) { present.insert(id) }
        }
        return lock.withLock { (acknowledged.subtracting(present).count, failed.intersection(present).count) }
    }
}
