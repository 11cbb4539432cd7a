import Channels
import ClusterCore
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Synchronization

/// What the sessions of one event loop share. Confined to its loop, but for what is in ``ProxyShared``.
final class ProxyWorker: @unchecked Sendable {  // all state is confined to the loop
    let eventLoop: any EventLoop
    let configuration: ProxyConfiguration
    let accounts: AccountCache
    let dialler: any BackendDialler
    let shared: ProxyShared
    let logger: Logger
    private(set) var view = ProxyView()
    private var sessions: [UInt32: ProxySession] = [:]
    let pool: BackendPool
    let flushes: FlushRound
    let compressionTools = CompressionTools()
    var counters = ProxyCounters()
    private var positions: [BackendAddress: GTIDPosition] = [:]
    private var rotation = ReplicaRotation()

    init(
        eventLoop: any EventLoop, configuration: ProxyConfiguration, accounts: AccountCache,
        dialler: any BackendDialler, shared: ProxyShared, logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.configuration = configuration
        self.accounts = accounts
        self.dialler = dialler
        self.shared = shared
        self.logger = logger
        flushes = FlushRound(on: eventLoop, busyPoll: BusyPoll(limit: configuration.busyPoll, among: shared.rounds))
        pool = BackendPool(connectionsMax: configuration.poolMax, on: eventLoop)
    }

    func update(_ view: ProxyView) {
        eventLoop.assertInEventLoop()
        if view.replicas != self.view.replicas {
            positions = positions.filter { view.isReplica($0.key) }
            rotation.forget(allBut: view.replicas)
        }
        self.view = view
        pool.discard { !isCurrent($0) }
        for session in Array(sessions.values) { session.viewChanged() }
    }

    private func isCurrent(_ backend: BackendConnection) -> Bool {
        backend.isReplica ? view.isReplica(backend.address) : backend.epoch == view.leader?.epoch
    }

    /// What a session in order leaves: kept for the next one, or closed.
    func release(_ backend: BackendConnection) {
        if !(isCurrent(backend) && pool.offer(backend)) { backend.close() }
    }

    func opened(_ session: ProxySession) {
        counters.connections += 1
        sessions[session.connectionID] = session
    }

    var snapshot: ProxyCounters {
        eventLoop.assertInEventLoop()
        var snapshot = counters
        snapshot.backendsPooled = pool.count
        return snapshot
    }

    func closed(_ session: ProxySession) {
        sessions[session.connectionID] = nil
        shared.remove(session.connectionID)
    }

    func closeAll() {
        pool.close()
        for session in Array(sessions.values) { session.close() }
    }

    /// The replica for one more session.
    func nextReplica(where isWanted: (BackendAddress) -> Bool) -> BackendAddress? {
        rotation.next(of: view.replicas.filter { isWanted($0.address) })
    }

    /// What the replica at an address is known to have applied.
    func applied(_ address: BackendAddress) -> GTIDPosition { positions[address] ?? GTIDPosition() }

    func noteApplied(_ position: GTIDPosition, at address: BackendAddress) {
        positions[address, default: GTIDPosition()].advance(to: position)
    }

    var serverVersion: String { shared.serverVersion }
    var resolvesLoopback: Bool { configuration.resolvesLoopback }

    func learned(version: String?) { if let version { shared.learned(version: version) } }
}

/// What the sessions of all loops share.
final class ProxyShared: Sendable {
    private struct State {
        var sessions: [UInt32: ProxySession] = [:]
        var lastID: UInt32 = 0
        // Until a server has said its own; clients take features from it.
        var serverVersion = "5.5.5-10.11.0-MariaDB"
    }

    let rounds = BusyPoll.Rounds()
    private let state = NIOLockedValueBox(State())
    private let connectionsMax: Int
    private let base: UInt32

    /// - Parameter number: the member's; connection ids of different proxies and of servers do not meet.
    init(number: UInt16, connectionsMax: Int) {
        self.connectionsMax = connectionsMax
        base = 1 << 31 | UInt32(number & 0x3FF) << 20
    }

    private let tlsLimiter = NIOLockedValueBox(LogLimiter())

    /// A line in ten seconds at most.
    func warnOfTLS(_ logger: Logger, _ message: String) {
        tlsLimiter.withLockedValue { $0.warn(logger, message) }
    }

    private let headerLimiter = NIOLockedValueBox(LogLimiter())

    /// A line in ten seconds at most.
    func warnOfHeader(_ logger: Logger, _ message: String) {
        headerLimiter.withLockedValue { $0.warn(logger, message) }
    }

    private let lease = Atomic<UInt64>(UInt64.max)

    func trustLeader(until deadline: NIODeadline) {
        lease.store(deadline.uptimeNanoseconds, ordering: .releasing)
    }

    /// Whether the leader is known to be the only one at this moment.
    var trustsLeader: Bool { NIODeadline.now().uptimeNanoseconds < lease.load(ordering: .acquiring) }

    /// A new session's place; nil when all are taken.
    func admit(_ make: (UInt32) -> ProxySession) -> ProxySession? {
        state.withLockedValue { state in
            guard state.sessions.count < connectionsMax else { return nil }
            repeat { state.lastID = (state.lastID &+ 1) & 0xF_FFFF } while state.sessions[base | state.lastID] != nil
            let session = make(base | state.lastID)
            state.sessions[base | state.lastID] = session
            return session
        }
    }

    func session(_ id: UInt32) -> ProxySession? { state.withLockedValue { $0.sessions[id] } }
    func remove(_ id: UInt32) { state.withLockedValue { $0.sessions[id] = nil } }
    var count: Int { state.withLockedValue { $0.sessions.count } }
    var serverVersion: String { state.withLockedValue { $0.serverVersion } }

    func learned(version: String) {
        state.withLockedValue { if $0.serverVersion != version { $0.serverVersion = version } }
    }
}
