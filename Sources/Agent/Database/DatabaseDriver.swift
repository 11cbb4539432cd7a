import ClusterCore
import Foundation
import Logging
import MariaDBClient
import MariaDBWire
import NIOPosix
import Probes
import WriteAheadLog

/// What the driver hands to the rest of the node.
@NodeLoop
protocol DatabaseDriverDelegate: AnyObject {
    func databaseMayLead(_ able: Bool)
    func databaseResigns(_ reason: String)
    func databaseHandsOver(to target: NodeNumber?)
    func databaseNoted(_ note: TenureNote)
    func databaseHasForeignTables(_ tables: [ForeignTable])
}

/// Carries out what ``Tenure`` orders, one order at a time, and reports what came of it.
@NodeLoop
final class DatabaseDriver {
    private(set) var tenure = Tenure()
    let server: any DatabaseServer
    let consensus: Consensus
    let capture: Capture
    let threads: NIOThreadPool
    let logger: Logger
    private let settings: Settings
    weak var delegate: (any DatabaseDriverDelegate)?

    /// Of the server process that runs; each start makes new ones, so that a late statement never reaches the next server.
    private var running: (any RunningServer)?
    private(set) var control: DatabaseControl?
    private(set) var monitor: DatabaseMonitor?
    private(set) var orphans: OrphanExport?
    private var found: [GTID] = []
    private var work: Task<Void, Never>?
    private var watch: Task<Void, Never>?
    /// Whether this agent found the server running as a primary: commits may wait in it for an ACK that an earlier agent owed.
    private var owesAcknowledgement = false

    struct Settings: Sendable {
        var number: NodeNumber
        var relayPort: Int
        var relayCredentials: Credentials
        var captureAddress: ServerAddress
        var captureCredentials: Credentials
        var fragmentBytesMax: Int
        var orphanDirectory: String
        /// How long a server may leave every probe unanswered before it counts as lost.
        var unresponsiveAfter: Duration
        /// Where the OS user that runs the agent is not the replica account.
        var replicaServerID: UInt32 { 1024 + UInt32(number.rawValue) }
    }

    init(
        server: any DatabaseServer, consensus: Consensus, capture: Capture, threads: NIOThreadPool, settings: Settings,
        logger: Logger
    ) {
        self.server = server
        self.consensus = consensus
        self.capture = capture
        self.threads = threads
        self.settings = settings
        self.logger = logger
    }

    func begin() { carryOut(tenure.begin()) }

    func handle(_ event: TenureEvent) { carryOut(tenure.handle(event)) }

    /// Stops what is under way; the server itself goes on unless `stopServer` is called.
    func end() {
        handle(.stop)
        work?.cancel()
        watch?.cancel()
        monitor?.stop()
        capture.detach()
    }

    /// Ends the server in order, after ``end()``. A server in which a commit may wait is fenced instead. (I5)
    func stopServer() async throws {
        guard let running else { return }
        let mayHoldCommits: Bool
        do {
            mayHoldCommits = try await control?.isPrimary() ?? true
        } catch { mayHoldCommits = true }
        if mayHoldCommits { try await running.fence() } else { try await running.stop() }
    }

    private func carryOut(_ effects: TenureEffects) {
        // The order first: what the others do upon the rest may bring a newer one.
        if let order = effects.order { begin(order) }
        for note in effects.notes { delegate?.databaseNoted(note) }
        if let able = effects.mayLead { delegate?.databaseMayLead(able) }
        if let reason = effects.resign { delegate?.databaseResigns(reason) }
        if let handOver = effects.handOver { delegate?.databaseHandsOver(to: handOver.target) }
    }

    private func begin(_ order: TenureOrder) {
        work?.cancel()
        logger.debug("database: \(order.action)", metadata: ["order": "\(order.id)"])
        work = Task {
            let outcome: TenureOutcome
            do {
                outcome = try await perform(order)
            } catch {
                outcome = .failed(reason: "\(error)")
                if !Task.isCancelled { logger.warning("database: \(order.action) failed: \(error)") }
            }
            if !Task.isCancelled { handle(.finished(order.id, outcome)) }
        }
    }

    private func perform(_ order: TenureOrder) async throws -> TenureOutcome {
        switch order.action {
        case .start: return .started(try await start())
        case .kill:
            try await kill()
            return .killed
        case .inspect:
            let inspection = try await inspect()
            if case .orphans(let gtids) = inspection { found = gtids }
            return .inspected(inspection)
        case .exportOrphans: try await exportOrphans()
        case .follow:
            capture.detach()
            try await requireControl().follow(
                relayPort: settings.relayPort, user: settings.relayCredentials.user,
                password: settings.relayCredentials.password)
        case .awaitApplied(let lsn): try await awaitApplied(through: lsn)
        case .unfollow(let lsn): try await unfollow(through: lsn)
        case .holdCommits: try await requireControl().holdCommits()
        case .attachCapture: try await attachCapture()
        case .openWrites: try await requireControl().openWrites()
        case .closeWrites: try await requireControl().closeWrites()
        case .settle: try await settle()
        case .releaseCommits:
            let control = try requireControl()
            try await control.disconnectClients()
            try await settle()
            try await control.releaseCommits()
            capture.detach()
        case .pause: try await Task.sleep(for: .seconds(1))
        }
        return .done
    }

    func requireControl() throws(ServerError) -> DatabaseControl {
        guard let control else { throw .wrongState("the server is not running") }
        return control
    }

    // MARK: Start and end

    private func start() async throws -> StartOutcome {
        let started: StartedServer
        do {
            started = try await server.start()
        } catch ServerError.refusesReplicaRole(let reason) { return .refused(reason: reason) }
        running = started.process
        let runner = SQLRunner(server.administration, name: "administration")
        let control = DatabaseControl(runner: runner, logger: logger)
        self.control = control
        watch?.cancel()
        watch = Task { [weak self, process = started.process] in
            await process.waitUntilEnded()
            if !Task.isCancelled { self?.lost("the server's process ended") }
        }
        monitor?.stop()
        monitor = DatabaseMonitor(
            runner: SQLRunner(server.administration, deadline: .seconds(2), name: "monitor"), driver: self,
            unresponsiveAfter: settings.unresponsiveAfter)
        monitor?.start()
        guard started.adopted else {
            owesAcknowledgement = false
            return .fresh
        }
        owesAcknowledgement = try await control.isPrimary()
        return owesAcknowledgement ? .adoptedPrimary : .adoptedReplica
    }

    func foreignTablesFound(_ tables: [ForeignTable]) { delegate?.databaseHasForeignTables(tables) }

    func lost(_ reason: String) { handle(.serverLost(reason: reason)) }

    private func kill() async throws {
        capture.detach()
        monitor?.stop()
        watch?.cancel()
        control?.runner.close()
        control = nil
        try await running?.fence()
        running = nil
    }

    // MARK: Following

    private func inspect() async throws -> Inspection {
        let seen = try await requireControl().observe()
        let log = consensus.log
        let committed = consensus.raft.committed
        return try await threads.runIfActive {
            var orphans: [GTID] = []
            for gtid in seen.binlogState.gtids + seen.slavePosition.gtids where try !log.contains(gtid) {
                orphans.append(gtid)
            }
            for gtid in seen.binlogState.gtids {
                // In the log, and not known here to be committed: that will be decided in a moment.
                if let lsn = try log.locate(gtid), lsn > committed {
                    throw ServerError.wrongState("\(gtid) is in the log, and not known to be committed yet")
                }
            }
            if !orphans.isEmpty { return .orphans(Array(Set(orphans)).sorted { $0.sequence < $1.sequence }) }
            do {
                _ = try log.start(for: seen.position)
            } catch let error as WALError {
                guard case .positionPurged = error else { throw error }
                return .purged(reason: "\(error)")
            }
            return .contained
        }
    }

    private func exportOrphans() async throws {
        let log = consensus.log
        let found = found
        let common = try await threads.runIfActive { try Self.lastCommon(before: found, in: log) }
        let stamp = ISO8601DateFormatter().string(from: Date()).replacingOccurrences(of: ":", with: "")
        let directory = settings.orphanDirectory + "/" + stamp
        try await server.exportOrphans(after: common.description, to: directory)
        let count = found.reduce(0) { $0 + Int($1.sequence - (common[$1.domain]?.sequence ?? 0)) }
        orphans = OrphanExport(
            directory: directory, gtids: found.map(\.description).joined(separator: ","), count: count,
            exportedAt: Date().formatted(.iso8601))
        logger.critical(
            "this database holds transactions that the cluster has not; they are exported, and the node needs a fresh copy",
            metadata: ["path": "\(directory)"])
    }

    /// Where the database's history and the log part, for each domain of the orphans: the last transaction before them that the
    /// log has. Empty when none is found near them: then the whole binlog is exported.
    private nonisolated static func lastCommon(before orphans: [GTID], in log: Log) throws(WALError) -> GTIDPosition {
        var common = GTIDPosition()
        let servers = Set(try log.state(through: log.last).gtids.map(\.server) + orphans.map(\.server))
        for orphan in orphans {
            let lowest = orphan.sequence > 10_000 ? orphan.sequence - 10_000 : 1
            search: for sequence in stride(from: orphan.sequence - 1, through: lowest, by: -1) {
                for server in servers {
                    let candidate = GTID(domain: orphan.domain, server: server, sequence: sequence)
                    if try log.locate(candidate) != nil {
                        common.advance(to: candidate)
                        break search
                    }
                }
            }
        }
        return common
    }

    private func position(through lsn: LSN) async throws -> GTIDPosition {
        let log = consensus.log
        return try await threads.runIfActive { try log.state(through: lsn).position }
    }

    // MARK: Promotion

    private func awaitApplied(through lsn: LSN) async throws {
        let control = try requireControl()
        // What this node itself proposed in this term before its server restarted counts too: a new write must not take its GTID. (I8)
        let target = try await position(through: max(lsn, consensus.raft.last))
        if target.isEmpty { return }
        while !Task.isCancelled {
            let reached = try await control.runner.run(deadline: .seconds(10)) { session throws(SQLError) in
                try session.query("SELECT MASTER_GTID_WAIT('\(target)', 1)").scalar == "0"
            }
            if reached { return }
            if let error = try await control.channelError() {
                throw ServerError.wrongState("the replica channel: \(error)")
            }
        }
    }

    private func unfollow(through lsn: LSN) async throws {
        let control = try requireControl()
        let target = try await position(through: max(lsn, consensus.raft.last))
        try await control.unfollow()
        let held = try await control.observe()
        guard held.slavePosition.covers(target), held.binlogPosition.covers(target) else {
            throw ServerError.wrongState(
                "the database is not where the log is: log \(target), applied \(held.slavePosition), binlog \(held.binlogPosition)"
            )
        }
    }

    private func attachCapture() async throws {
        let control = try requireControl()
        let committed = consensus.raft.committed
        let (start, logged) = (try await position(through: committed), try await position(through: consensus.raft.last))
        var owed: SourcePosition?
        if owesAcknowledgement {
            owed = try await lastOwnTransaction(through: committed)
            owesAcknowledgement = false
        }
        try await capture.attach(
            BinlogSource.Configuration(
                address: settings.captureAddress, credentials: settings.captureCredentials,
                serverID: settings.replicaServerID, start: start, semiSync: true,
                fragmentBytesMax: settings.fragmentBytesMax, logger: logger),
            committed: owed, logged: logged)
        let deadline = ContinuousClock.now + .seconds(5)
        while try await control.observe().semiSync.clients < 1 {
            guard ContinuousClock.now < deadline, capture.isAttached else {
                throw ServerError.wrongState("the server does not wait for the capture's acknowledgements")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// The binlog coordinates of the last committed transaction that this server wrote, if its binlog still reaches there.
    private func lastOwnTransaction(through lsn: LSN) async throws -> SourcePosition? {
        let log = consensus.log
        let own = UInt32(settings.number.rawValue)
        let found = try await threads.runIfActive { () -> SourcePosition? in
            guard let gtid = try log.state(through: lsn).gtids.last(where: { $0.server == own }),
                let at = try log.locate(gtid)
            else { return nil }
            return try log.read(from: at, bytesMax: 1).flatMap { try $0.entries() }.last { $0.gtid == gtid }?.source
        }
        guard let found, await server.holdsBinlog(file: found.file, offset: found.offset) else { return nil }
        return found
    }

    // MARK: Draining

    /// Waits until everything in the binlog is committed by its quorum and no session waits.
    private func settle() async throws {
        let control = try requireControl()
        let deadline = ContinuousClock.now + .seconds(15)
        while true {
            let seen = try await control.observe()
            if seen.semiSync.waitingSessions == 0, capture.isIdle, capture.capturedPosition.covers(seen.binlogPosition)
            {
                return
            }
            guard ContinuousClock.now < deadline else {
                throw ServerError.wrongState("commits under way did not find their quorum within 15 s")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// Where the transactions of a diverged database were put.
struct OrphanExport: Sendable, Codable {
    var directory: String
    /// The transactions that were found, as far as they are known by name.
    var gtids: String
    var count: Int
    /// RFC 3339, UTC.
    var exportedAt: String
}
