import Foundation
import MariaDBClient

/// A row every 20 ms into the primary site's cluster, and when each arrives in the other: how late the bridge is, and for how long nothing
/// arrives.
public final class BridgeFlow: @unchecked Sendable {
    private let lab: BridgeLab
    private let lock = NSLock()
    private var sent: [UInt64: Double] = [:]
    private var acknowledgedAt: [Double] = []
    private var arrivals: [(time: Double, delay: Double)] = []
    private var stopped = false
    private let finished = DispatchGroup()
    private var next: UInt64 = 1
    private var first: UInt64 = 1

    public init(lab: BridgeLab) { self.lab = lab }

    public static func prepare(_ cluster: GaleraCluster) throws {
        let session = try cluster.anyNode().client()
        defer { session.close() }
        try session.query("CREATE TABLE IF NOT EXISTS beats (id BIGINT UNSIGNED PRIMARY KEY)")
    }

    /// Goes on after the rows of an earlier flow.
    public func start() throws {
        let session = try lab.a.anyNode().client()
        defer { session.close() }
        first = try session.query("SELECT COALESCE(MAX(id), 0) + 1 FROM beats").scalar.flatMap { UInt64($0) } ?? 1
        next = first
        for body in [write, read] {
            finished.enter()
            Thread { [finished] in
                body()
                finished.leave()
            }.start()
        }
    }

    public func stop() {
        lock.withLock { stopped = true }
        finished.wait()
    }

    private var isStopped: Bool { lock.withLock { stopped } }

    /// Sessions to a node of the cluster; another one after each failure.
    private func keep(_ cluster: GaleraCluster, _ work: (SQLSession) throws -> Void) {
        var session: SQLSession?
        var attempt = 0
        while !isStopped {
            do {
                if session == nil {
                    attempt += 1
                    session = try cluster.nodes[attempt % cluster.nodes.count].client(readTimeout: .seconds(2))
                }
                if let session { try work(session) }
                usleep(20_000)
            } catch {
                session?.close()
                session = nil
                usleep(20_000)
            }
        }
        session?.close()
    }

    private func write() {
        keep(lab.a) { session in
            let id = lock.withLock {
                defer { next += 1 }
                return next
            }
            try session.query("INSERT INTO beats VALUES (\(id))")
            lock.withLock {
                sent[id] = Workload.now
                acknowledgedAt.append(Workload.now)
            }
        }
    }

    private func read() {
        var seen = first - 1
        keep(lab.b) { session in
            for row in try session.query("SELECT id FROM beats WHERE id > \(seen) ORDER BY id").rows {
                guard let text = row[0], let id = UInt64(text) else { continue }
                seen = max(seen, id)
                lock.withLock {
                    let now = Workload.now
                    arrivals.append((now, sent[id].map { max(0, now - $0) } ?? 0))
                }
            }
        }
    }

    /// Milliseconds from the acknowledgement to the arrival of what arrived since `mark`.
    public func delays(since mark: Double) -> [Double] {
        lock.withLock { arrivals.filter { $0.time >= mark }.map { $0.delay * 1_000 } }
    }

    public var arrivedCount: Int { lock.withLock { arrivals.count } }

    /// The longest time without an arrival, and without an acknowledgement, since `mark`, in milliseconds.
    public func gaps(since mark: Double) -> (arrivals: Double, acknowledgements: Double) {
        lock.withLock { (Self.gap(arrivals.map(\.time), mark), Self.gap(acknowledgedAt, mark)) }
    }

    private static func gap(_ times: [Double], _ mark: Double) -> Double {
        var last = times.last { $0 <= mark } ?? mark
        var gap = 0.0
        for time in times where time > mark {
            gap = max(gap, time - last)
            last = time
        }
        return gap * 1_000
    }
}
