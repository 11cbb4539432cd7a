import ClusterCore
import LabSupport
import Logging
import MariaDBWire
import NIOCore
import NIOPosix
import Synchronization

/// An agent in miniature: captures from one server, keeps everything in memory, serves it to replicas.
final class Relay: BinlogSourceDelegate, BinlogServerDelegate, @unchecked Sendable {  // its state belongs to the loop
    static let password = "relay secret"
    let loop: any EventLoop
    private(set) var log: [CapturedTransaction] = []
    private var cursors: [ObjectIdentifier: (session: BinlogReplicaSession, next: Int, skipping: Bool)] = [:]
    private(set) var server: BinlogServer!
    private(set) var source: BinlogSource?
    private(set) var opened = 0
    private(set) var closed = 0
    private(set) var sourceError: BinlogSourceError?
    private(set) var capturedBytes = 0
    /// Keep no more than the running transaction, for loads that do not fit into memory.
    var forgets = false
    var acknowledges = true
    /// Breaks the connection to the replica, once, when it has sent this much.
    var breaksAfterBytes: UInt64?
    /// Sent to a replica before anything else.
    var prelude: ByteBuffer?
    private(set) var sessionsAreSemiSync: [Bool] = []

    /// The lengths of all events in the log. Pieces of large transactions are joined for it.
    var eventSizes: Set<Int> {
        var all = log.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1.events) }
        var sizes = Set<Int>()
        while let header = BinlogEventHeader(all, at: all.readerIndex) {
            sizes.insert(Int(header.length))
            all.moveReaderIndex(forwardBy: Int(header.length))
        }
        return sizes
    }

    private init(loop: any EventLoop) { self.loop = loop }

    static func start(serverID: UInt32 = 501, port: Int = 0) async throws -> Relay {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let relay = Relay(loop: loop)
        let configuration = BinlogServer.Configuration(
            host: "127.0.0.1", port: port, credentials: Credentials(user: "relay", password: password),
            serverID: serverID, logger: Logger(label: "relay"))
        try await BinlogServer.start(configuration, on: loop, delegate: relay).map { relay.server = $0 }.get()
        return relay
    }

    func capture(_ server: MariaDBServer, from start: String, serverID: UInt32 = 9001) async throws {
        let configuration = BinlogSource.Configuration(
            address: .unix(path: server.socket), credentials: Credentials(user: "root"), serverID: serverID,
            start: GTIDPosition(start)!, semiSync: true, logger: Logger(label: "relay"))
        try await BinlogSource.connect(configuration, on: loop, delegate: self).map { self.source = $0 }.get()
    }

    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await loop.submit(body).get()
    }

    func stop() async throws {
        try await loop.flatSubmit {
            self.source?.close()
            return self.server.close()
        }.get()
    }

    /// Makes `replica` a replica of this relay, from `position` on, and starts it.
    func attach(_ replica: MariaDBServer, position: String) async throws {
        let port = try await run { self.server.localPort }
        try await replica.sql(
            """
            SET GLOBAL slave_parallel_threads=4, GLOBAL slave_parallel_mode=optimistic, GLOBAL gtid_slave_pos='\(position)';
            CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=\(port), MASTER_USER='relay',
            MASTER_PASSWORD='\(Relay.password)', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1,
            MASTER_HEARTBEAT_PERIOD=0.2;
            START SLAVE
            """)
    }

    // MARK: Capturing

    func binlogSource(_ source: BinlogSource, captured transactions: [CapturedTransaction]) {
        if forgets, cursors.values.allSatisfy({ $0.next >= log.count }) {
            log.removeAll(keepingCapacity: true)
            for key in cursors.keys { cursors[key]?.next = 0 }
        }
        log += transactions
        capturedBytes += transactions.reduce(0) { $0 + $1.events.readableBytes }
        for key in cursors.keys { pump(key) }
        if forgets, cursors.values.contains(where: { log.count - $0.next > 8 }) { source.setReading(false) }
        guard acknowledges, let last = transactions.last(where: \.ackWanted) else { return }
        source.acknowledge(file: last.file, offset: last.endOffset)
    }
    func binlogSourceAlive(_ source: BinlogSource) {}
    func binlogSourceClosed(_ source: BinlogSource, error: BinlogSourceError?) { sourceError = error }

    // MARK: Serving

    func binlogServer(
        _ server: BinlogServer, opened session: BinlogReplicaSession, at position: GTIDPosition, replicaServerID: UInt32
    ) {
        opened += 1
        sessionsAreSemiSync.append(session.isSemiSync)
        if let prelude { session.send(events: prelude) }
        let next = log.firstIndex { !position.covers($0.gtid) } ?? log.count
        cursors[ObjectIdentifier(session)] = (session, next, false)
        pump(ObjectIdentifier(session))
    }
    func binlogServer(_ server: BinlogServer, writable session: BinlogReplicaSession) {
        pump(ObjectIdentifier(session))
        if forgets { source?.setReading(true) }
    }
    func binlogServer(_ server: BinlogServer, closed session: BinlogReplicaSession) {
        closed += 1
        cursors[ObjectIdentifier(session)] = nil
    }

    private func pump(_ key: ObjectIdentifier) {
        guard var cursor = cursors[key] else { return }
        while cursor.next < log.count, cursor.session.isWritable {
            let part = log[cursor.next]
            // Of several domains, some may be ahead of where the first missing transaction lies.
            if part.part == .abandoned || !cursor.session.position.covers(part.gtid) {
                cursor.session.send(events: part.events)
            }
            cursor.next += 1
            if let limit = breaksAfterBytes, cursor.session.sentBytes >= limit {
                breaksAfterBytes = nil
                cursor.session.flush()
                return cursor.session.close()
            }
        }
        cursor.session.flush()
        cursors[key] = cursor
    }
}

extension MariaDBServer {
    /// Waits until this replica has applied everything up to `position`; fails with the replica's own error.
    func waitForApplied(_ position: String, within limit: Duration = .seconds(30)) async throws {
        let wanted = GTIDPosition(position)!
        try await Self.eventually("\(position) is applied by server \(id)", within: limit) {
            let applied = GTIDPosition(try await self.value("SELECT @@gtid_slave_pos")) ?? GTIDPosition()
            if applied.covers(wanted) { return true }
            try await self.throwReplicaError()
            return false
        }
    }

    /// SHOW SLAVE STATUS, by field.
    func replicaStatus() async throws -> [String: String] {
        let status = try await Self.run([
            "mariadb", "--no-defaults", "-uroot", "--socket=\(socket)", "-e", "SHOW SLAVE STATUS\\G",
        ])
        let fields = status.split(separator: "\n").compactMap { line -> (String, String)? in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            return (String(parts[0].drop { $0 == " " }), String(parts[1].drop { $0 == " " }))
        }
        return Dictionary(fields) { first, _ in first }
    }

    func throwReplicaError() async throws {
        for (field, text) in try await replicaStatus() where field.hasSuffix("_Error") && !text.isEmpty {
            throw MariaDBServerError("server \(id): \(field): \(text)\n\(logTail())")
        }
    }

    func checksum(_ table: String) async throws -> String { try await sql("CHECKSUM TABLE \(table)")[0][1] }
}
