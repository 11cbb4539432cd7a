import Foundation
import MariaDBClient

/// Several clients that write all the time and remember what they were told, so that it can be checked afterwards: nothing
/// acknowledged may be missing (*lost*), and nothing that definitely failed may be there (*phantom*).
///
/// Each client alternates appends (one row, autocommit) and transfers between two accounts (a transaction of three statements).
public final class Workload: @unchecked Sendable {
    /// How clients reach the cluster.
    public enum Route: Sendable {
        /// At whichever database is writable.
        case databases
        /// Through the proxies of all nodes; each write is read again, which must find it.
        case proxies
    }

    public struct Told: Sendable {
        public var acknowledged: Set<UInt64> = []
        public var failed: Set<UInt64> = []
        public var unknown: Set<UInt64> = []
        /// Acknowledged writes that their own session, or a session that reads at the leader, then did not see.
        public var stale: [UInt64] = []
        public var reads = 0
        /// When a write was acknowledged, seconds on a monotonic clock.
        public var lastAcknowledgement = 0.0
        public var lastWritten: UInt64 = 0
    }

    public struct Verdict: Sendable, CustomStringConvertible {
        public var acknowledged = 0
        public var failed = 0
        public var unknown = 0
        public var lost: [UInt64] = []
        public var phantom: [UInt64] = []
        public var balanceError: Int64 = 0
        public var stale: [UInt64] = []
        public var reads = 0

        public init() {}

        public var isClean: Bool { lost.isEmpty && phantom.isEmpty && stale.isEmpty && balanceError == 0 }
        public var description: String {
            "acknowledged \(acknowledged), failed \(failed), unknown \(unknown), lost \(lost.count), "
                + "phantom \(phantom.count), balance off by \(balanceError)"
                + (reads > 0 ? ", reads \(reads), stale \(stale.count)" : "")
                + (isClean ? "" : " (stale \(stale.prefix(5)), lost \(lost.prefix(5)), phantom \(phantom.prefix(5)))")
        }
    }

    public static let accounts = 20
    public static let openingBalance: Int64 = 1_000

    private let cluster: LabCluster
    private let clients: Int
    private let route: Route
    private let lock = NSLock()
    private var told = Told()
    private var nextID: UInt64 = 1
    private var stopped = false
    private var connects = 0
    private var threads: [Thread] = []
    private let finished = DispatchGroup()
    private var acknowledgements: [Double] = []

    public init(cluster: LabCluster, clients: Int, route: Route = .databases) {
        self.cluster = cluster
        self.route = route
        self.clients = clients
    }

    public static func prepare(_ cluster: LabCluster) throws {
        let session = try cluster.leader().client()
        try session.query(
            "CREATE TABLE IF NOT EXISTS appends (id BIGINT UNSIGNED PRIMARY KEY, client INT, note VARCHAR(80))")
        try session.query("CREATE TABLE IF NOT EXISTS accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL)")
        try session.query(
            "CREATE TABLE IF NOT EXISTS transfers (id BIGINT UNSIGNED PRIMARY KEY, source INT, target INT, amount INT)")
        for account in 0..<accounts {
            try session.query("INSERT IGNORE INTO accounts VALUES (\(account), \(openingBalance))")
        }
    }

    public func start() {
        for client in 0..<clients {
            finished.enter()
            let thread = Thread { [self] in
                run(client)
                finished.leave()
            }
            thread.stackSize = 1 << 20
            threads.append(thread)
            thread.start()
        }
    }

    /// Ends the clients; one that waits for a commit ends with its session.
    public func stop() {
        lock.withLock { stopped = true }
        finished.wait()
    }

    public var acknowledgedCount: Int { lock.withLock { told.acknowledged.count } }

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

    public static var now: Double { ProcessInfo.processInfo.systemUptime }

    private var isStopped: Bool { lock.withLock { stopped } }
    private func newID() -> UInt64 {
        lock.withLock {
            defer { nextID += 1 }
            return nextID
        }
    }

    private enum Outcome { case acknowledged, failed, unknown }

    private func note(_ id: UInt64, _ outcome: Outcome) {
        lock.withLock {
            switch outcome {
            case .acknowledged:
                told.acknowledged.insert(id)
                told.lastWritten = id
                acknowledgements.append(Self.now)
            case .failed: told.failed.insert(id)
            case .unknown: told.unknown.insert(id)
            }
        }
    }

    private func run(_ client: Int) {
        var generator = SystemRandomNumberGenerator()
        var session: SQLSession?
        while !isStopped {
            do {
                if session == nil { session = try connect(client) }
                guard let session else { continue }
                let id = newID()
                if id % 2 == 0 { try append(id, client, session) } else { try transfer(id, session, &generator) }
                if route == .proxies { try readAgain(id, client, session) }
            } catch {
                session?.close()
                session = nil
                usleep(10_000)
            }
        }
        session?.close()
    }

    /// What this session wrote must be there for it; what anybody wrote, for one that reads at the leader.
    private func readAgain(_ id: UInt64, _ client: Int, _ session: SQLSession) throws {
        // Every third client reads at the leader, and looks for the last write of all.
        let wanted = client % 3 == 2 ? lock.withLock { told.lastWritten } : id
        let table = wanted % 2 == 0 ? "appends" : "transfers"
        let found = try session.query("SELECT COUNT(*) FROM \(table) WHERE id = \(wanted)").scalar == "1"
        lock.withLock {
            told.reads += 1
            if !found { told.stale.append(wanted) }
        }
    }

    /// To whichever node is writable: tries them in turn, as a client behind a list of hosts does.
    private func connect(_ client: Int) throws -> SQLSession {
        if route == .proxies {
            let nodes = cluster.nodes
            let node = lock.withLock {
                connects += 1
                return nodes[(client + connects) % nodes.count]
            }
            let session = try node.proxyClient(readTimeout: .seconds(20))
            if client % 3 == 2 { try session.query("SET @wolfscale_consistency = 'leader'") }
            return session
        }
        for node in cluster.nodes {
            do {
                let session = try node.client(readTimeout: .seconds(20))
                if try session.query("SELECT @@global.read_only").scalar == "0" { return session }
                session.close()
            } catch { continue }
        }
        throw LabError("no node is writable")
    }

    private func append(_ id: UInt64, _ client: Int, _ session: SQLSession) throws {
        try writing(id) {
            try session.query("INSERT INTO appends VALUES (\(id), \(client), 'row \(id)')")
        }
    }

    private func transfer(_ id: UInt64, _ session: SQLSession, _ generator: inout SystemRandomNumberGenerator) throws {
        let source = Int.random(in: 0..<Self.accounts, using: &generator)
        let target = (source + Int.random(in: 1..<Self.accounts, using: &generator)) % Self.accounts
        let (first, second) = (min(source, target), max(source, target))
        // Nothing is written for good before COMMIT: an error before it is a definite failure.
        do {
            try session.query("START TRANSACTION")
            for account in [first, second] {
                let change = account == source ? "- 7" : "+ 7"
                try session.query("UPDATE accounts SET balance = balance \(change) WHERE id = \(account)")
            }
            try session.query("INSERT INTO transfers VALUES (\(id), \(source), \(target), 7)")
        } catch {
            note(id, .failed)
            throw error
        }
        try writing(id) { try session.query("COMMIT") }
    }

    private func writing(_ id: UInt64, _ body: () throws -> SQLResult) throws {
        do {
            _ = try body()
            note(id, .acknowledged)
        } catch let error as SQLError {
            // 1180/1105 and shutdown errors come during a commit; only what the server says before it begins is definite.
            let definite = error.kind == .server && [1290, 1213, 1205, 1836, 1792, 1062, 1146].contains(error.errno)
            note(id, definite ? .failed : .unknown)
            throw error
        }
    }

    /// Compares what the clients had been told by now with what a node holds; they may go on meanwhile.
    public func check(_ node: LabNode) throws -> Verdict {
        let session = try node.administrator()
        let acknowledged = lock.withLock { told.acknowledged }
        var present: Set<UInt64> = []
        for table in ["appends", "transfers"] {
            try session.stream("SELECT id FROM \(LabNode.schema).\(table)") { row in
                if let text = row[0], let id = UInt64(text) { present.insert(id) }
            }
        }
        let sum =
            try session.query("SELECT SUM(balance) FROM \(LabNode.schema).accounts").scalar.flatMap(Int64.init) ?? 0
        return lock.withLock {
            var verdict = Verdict()
            verdict.acknowledged = acknowledged.count
            verdict.failed = told.failed.count
            verdict.unknown = told.unknown.count
            verdict.stale = told.stale
            verdict.reads = told.reads
            verdict.lost = acknowledged.subtracting(present).sorted()
            verdict.phantom = told.failed.intersection(present).sorted()
            verdict.balanceError = sum - Int64(Self.accounts) * Self.openingBalance
            return verdict
        }
    }
}
