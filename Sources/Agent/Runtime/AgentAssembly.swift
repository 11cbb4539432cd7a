import ClusterCore
import Foundation
import Gateway
import Logging
import MariaDBClient
import MariaDBWire
import NIOCore
import NIOPosix
import WANLink
import WriteAheadLog

/// Puts a node together from its configuration and its data directory.
struct AgentAssembly {
    let configuration: Configuration
    let logger: Logger
    let threads = NIOThreadPool(numberOfThreads: 4)

    struct Agent {
        var service: NodeService
        /// Nil when `api.enabled` is false.
        var api: HTTPAPI?
        /// Nil when `proxy.enabled` is false.
        var proxy: MySQLProxy?
    }

    init(configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    func assemble(_ mode: StartMode) async throws -> Agent {
        threads.start()
        let directory = try DataDirectory.open(configuration.node.dataDirectory)
        try await enrol(mode)
        for warning in configuration.warnings { logger.warning("\(warning)") }
        await PreviousServer(paths: ServerPaths(dataDirectory: configuration.node.dataDirectory), logger: logger)
            .waitUntilGone()
        try checkPorts()
        try checkAttachedServer()
        let store = try StateStore.open(in: directory)
        let (failures, failureSink) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(1))
        let delegate = PeerNetworkSwitch()
        let network = try await startNetwork(delegate)
        let identity: Identity
        if let known = try store.loadIdentity() {
            try check(known)
            identity = known
            if mode != .resume {
                logger.info(
                    "this node belongs to a cluster already and goes on", metadata: ["cluster": "\(known.clusterName)"])
            }
        } else {
            identity = try await newIdentity(mode, store: store, directory: directory, network: network)
        }
        network.eventLoop.execute {
            network.setIdentity(
                PeerIdentity(clusterID: identity.clusterID, number: identity.number, id: identity.nodeID))
        }
        let node = try await makeNode(
            identity: identity, store: store, directory: directory, network: network, failureSink: failureSink)
        await keepTLS(node)
        try await keepTokens(node)
        await delegate.set(node)
        let relay = try await startRelay(node, identity)
        switch (configuration.node.role, configuration.replication.mode) {
        case (.witness, _): await node.start(driver: nil, relay: relay)
        case (_, .quorum): await node.start(driver: try makeDriver(node, relayPort: relay.localPort), relay: relay)
        case (_, .async):
            let bridge = try await BridgeAssembly(configuration: configuration, threads: threads, logger: logger)
                .makeDriver(node, relay: relay)
            await node.start(driver: nil, bridge: bridge, relay: relay)
        }
        let readiness = Readiness(awaiting: parts) { SystemdNotifier.send("READY=1\nSTATUS=running") }
        let proxy =
            configuration.proxy.enabled
            ? try await ProxyAssembly(configuration: configuration, logger: logger).make(node, readiness) : nil
        return Agent(
            service: NodeService(node: node, directory: directory, failures: failures, readiness: readiness),
            api: configuration.api.enabled ? try await makeAPI(node, identity, readiness, proxy) : nil, proxy: proxy)
    }

    private var parts: Set<Readiness.Part> {
        var parts: Set<Readiness.Part> = [.node]
        if configuration.api.enabled { parts.insert(.api) }
        if configuration.proxy.enabled { parts.insert(.proxy) }
        return parts
    }

    /// Found before anything is begun, so that nothing half-started has to be undone.
    private func checkPorts() throws {
        if configuration.api.enabled, let bind = PeerAddress(configuration.api.bindAddress),
            case .taken(let reason) = PortProbe.tryBinding(bind)
        {
            throw AgentError(
                "the HTTP API can't listen on \(bind): \(reason); stop what uses it, or set api.bind_address")
        }
        if configuration.proxy.enabled, let bind = PeerAddress(configuration.proxy.bindAddress),
            case .taken(let reason) = PortProbe.tryBinding(bind)
        {
            throw AgentError(
                "the proxy can't listen on \(bind): \(reason); stop what uses it, or set proxy.bind_address, or "
                    + "proxy.enabled = false")
        }
        let database = configuration.database
        let paths = ServerPaths(dataDirectory: configuration.node.dataDirectory)
        guard database.managed, configuration.node.role.hasDatabase,
            !ServerProcess.isRunning(pidFile: paths.pidFile, marker: paths.marker)
        else { return }
        let address = PeerAddress(host: database.host, port: database.port)
        if case .taken(let reason) = PortProbe.tryBinding(address) {
            throw AgentError("MariaDB can't listen on \(address): \(reason); stop what uses it, or set database.port")
        }
    }

    /// One that does not run is looked at once `database.start_command` has started it.
    private func checkAttachedServer() throws {
        guard !configuration.database.managed, configuration.node.role.hasDatabase else { return }
        let administration = try configuration.attachedAdministration()
        switch AttachedServerCheck(administration: administration).run() {
        case .notRunning: return
        case .refused(let reason): throw AgentError("the server at \(administration.address): \(reason)")
        case .answered(let found):
            if let complaint = AttachedServerCheck.complaint(found, at: "\(administration.address)") {
                throw AgentError(complaint)
            }
        }
    }

    // MARK: Identity

    private func check(_ identity: Identity) throws {
        if identity.nodeID != configuration.node.id {
            throw AgentError(
                "\(configuration.node.dataDirectory) belongs to the node \(identity.nodeID), but node.id is "
                    + "\(configuration.node.id); correct node.id, or give this node a data_dir of its own")
        }
        if let name = configuration.cluster.name, name != identity.clusterName {
            throw AgentError(
                "\(configuration.node.dataDirectory) belongs to the cluster \(identity.clusterName), but cluster.name is "
                    + "\(name); correct cluster.name, or give this node a data_dir of its own")
        }
    }

    private func newIdentity(
        _ mode: StartMode, store: StateStore, directory: DataDirectory, network: PeerNetwork
    ) async throws -> Identity {
        switch mode {
        case .bootstrap:
            return try bootstrap(store, directory, network, galera: try await BridgeAssembly.identify(configuration))
        case .join(let address, _): return try await join([address], store, network)
        case .resume:
            guard !configuration.cluster.peers.isEmpty else {
                throw AgentError(
                    "this node belongs to no cluster yet. Make a new one with `wolfscale start --bootstrap`, or join one with "
                        + "`wolfscale join HOST:PORT`, or name its members in cluster.peers")
            }
            return try await join(configuration.cluster.peers, store, network)
        }
    }

    /// The first entry of a new cluster's log is its membership: this node alone.
    private func bootstrap(
        _ store: StateStore, _ directory: DataDirectory, _ network: PeerNetwork, galera: GaleraIdentity?
    ) throws -> Identity {
        guard configuration.node.role == .voter else {
            throw AgentError("the first node of a cluster must be a voter, not a \(configuration.node.role.rawValue)")
        }
        let identity = Identity(
            clusterName: configuration.cluster.name ?? "wolfscale", clusterID: UUID().uuidString.lowercased(),
            nodeID: configuration.node.id, number: NodeNumber(1),
            clusterSecret: (0..<32).map { _ in UInt8.random(in: 0...255) })
        let member = Member(
            id: identity.nodeID, number: identity.number, role: .voter, site: configuration.node.site,
            address: configuration.advertisedAddress(port: network.localPort), api: configuration.advertisedAPI,
            galera: galera)
        let entry = try Entry(membership: Membership([member]))
        let (log, recovery) = try Log.open(
            directory: directory.wal, options: configuration.logOptions, committed: .zero, logger: logger
        ) { _ in }
        defer { log.close() }
        guard recovery.last == .zero else {
            throw AgentError(
                "\(directory.wal) holds a log although \(directory.state) knows no identity; move the data directory "
                    + "aside, or bring back its state")
        }
        try log.append(try Batch.encode([entry], first: LSN(1), term: Term(1), codec: .none))
        log.close()
        try store.save(HardState(term: Term(1), votedFor: identity.number))
        try store.save(identity)
        logger.notice("a new cluster", metadata: ["name": "\(identity.clusterName)", "id": "\(identity.clusterID)"])
        return identity
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func join(_ addresses: [String], _ store: StateStore, _ network: PeerNetwork) async throws -> Identity {
        let applicant = PeerRequest.Applicant(
            id: configuration.node.id, role: configuration.node.role, site: configuration.node.site,
            address: configuration.advertisedAddress(port: network.localPort), api: configuration.advertisedAPI,
            clusterName: configuration.cluster.name ?? "", galera: try await BridgeAssembly.identify(configuration))
        let welcome = try await Joining(network: network, logger: logger).join(applicant, through: addresses)
        let identity = Identity(
            clusterName: welcome.clusterName, clusterID: welcome.clusterID, nodeID: configuration.node.id,
            number: welcome.number, clusterSecret: welcome.clusterSecret)
        try Removals.learn(welcome.removed ?? [:], in: store)
        try store.save(identity)
        try store.save(StoredMembership(lsn: .zero, membership: welcome.membership))
        logger.notice("joined", metadata: ["cluster": "\(identity.clusterName)", "number": "\(identity.number)"])
        return identity
    }

    // MARK: Rooms

    private func startNetwork(_ delegate: PeerNetworkSwitch) async throws -> PeerNetwork {
        if let problem = configuration.bindingProblem { throw AgentError("node.bind_address: \(problem)") }
        var network = configuration.peerNetwork(logger: logger)
        if let material = try loadTLS() { network.security = try LinkSecurity(material) }
        return try await PeerNetwork.start(network, identity: nil, on: NodeLoop.eventLoop, delegate: delegate).get()
    }

    private func makeNode(
        identity: Identity, store: StateStore, directory: DataDirectory, network: PeerNetwork,
        failureSink: AsyncStream<String>.Continuation
    ) async throws -> Node {
        let holder = ConsensusHolder()
        let (log, recovery) = try Log.open(
            directory: directory.wal, options: configuration.logOptions, committed: try store.loadCommitted(),
            logger: logger
        ) { notice in NodeLoop.enqueue { holder.consensus?.durable(notice) } }
        if let cut = recovery.cut { logger.warning("the log's end was torn", metadata: ["cut": "\(cut)"]) }
        let summary = try LogSummary(
            base: LogPosition(lsn: recovery.base, term: recovery.baseTerm),
            runs: recovery.termRuns, last: recovery.last)
        let raft = Raft(
            configuration: RaftConfiguration(
                node: identity.number, electionTimeoutMin: .milliseconds(configuration.cluster.electionTimeoutMinMs),
                electionTimeoutMax: .milliseconds(configuration.cluster.electionTimeoutMaxMs),
                heartbeatInterval: .milliseconds(configuration.cluster.heartbeatIntervalMs),
                disableAutoElection: configuration.cluster.disableAutoElection, seed: UInt64.random(in: 0 ... .max)),
            hardState: try store.loadHardState(),
            log: summary, memberships: try memberships(recovery, summary, store), committed: try store.loadCommitted(),
            now: Consensus.now)
        let welcomed =
            try store.memberships().first { $0.lsn == .zero }.map { try Membership(entryBody: $0.body) }
            ?? Membership()
        let (threads, configuration, logger) = (threads, configuration, logger)
        return await NodeLoop.run {
            let consensus = Consensus(
                raft: raft, log: log, store: store, network: network, threads: threads,
                codec: configuration.logCodec, compressesForLinks: configuration.link.compression == .lz4,
                welcomed: welcomed, logger: logger
            ) { failureSink.yield($0) }
            holder.consensus = consensus
            return Node(
                configuration: configuration, identity: identity, store: store, network: network, consensus: consensus,
                threads: threads, logger: logger)
        }
    }

    /// Those in the log, and before them the one that the state store remembers, in case the log was purged past it.
    private func memberships(
        _ recovery: Recovery, _ log: LogSummary, _ store: StateStore
    ) throws -> [MembershipRecord] {
        let first = recovery.memberships.first?.lsn ?? recovery.last.next
        let saved = try store.memberships().last { $0.lsn > .zero && $0.lsn < first }
        return try ([saved].compactMap { $0 } + recovery.memberships).map { record in
            try MembershipRecord(record, term: log.term(at: record.lsn) ?? log.base.term)
        }
    }

    private func startRelay(_ node: Node, _ identity: Identity) async throws -> BinlogServer {
        guard let bind = PeerAddress(configuration.relay.bindAddress) else {
            throw AgentError("relay.bind_address = \(configuration.relay.bindAddress) is not host:port")
        }
        do {
            return try await BinlogServer.start(
                BinlogServer.Configuration(
                    host: bind.host, port: bind.port, credentials: relayCredentials(identity),
                    serverID: 1024 + UInt32(identity.number.rawValue), logger: logger),
                on: NodeLoop.eventLoop, delegate: node.relay
            ).get()
        } catch {
            throw AgentError("the relay can't listen on \(bind): \(error); change relay.bind_address")
        }
    }

    private func makeAPI(_ node: Node, _ identity: Identity, _ readiness: Readiness, _ proxy: MySQLProxy?) async throws
        -> HTTPAPI
    {
        guard let bind = PeerAddress(configuration.api.bindAddress) else {
            throw AgentError("api.bind_address = \(configuration.api.bindAddress) is not host:port")
        }
        let secret = Self.hex(identity.clusterSecret)
        let database = configuration.database
        let login = SQLConfiguration(
            address: configuration.socketPath.map { .unix($0) } ?? .tcp(host: database.host, port: database.port),
            user: database.user, password: try configuration.databasePassword(), database: database.database)
        let pool = SQLPool(
            configuration.writing(login).trackingLastGTID(),
            size: database.poolSize, deadline: .milliseconds(configuration.api.writeTimeoutMs), name: "writes")
        let queries = SQLPool(
            configuration.querying(login), size: database.poolSize,
            deadline: .milliseconds(configuration.api.queryTimeoutMs), name: "queries")
        var settings = HTTPAPIConfiguration(
            host: bind.host, port: bind.port, token: try configuration.apiSecret().map { APIToken($0) },
            loopbackExempt: configuration.api.loopbackExempt, clusterSecret: APIToken(secret),
            nodeID: identity.nodeID, writeTimeout: .milliseconds(configuration.api.writeTimeoutMs))
        if let tokens = await node.tokens { settings.tokens = tokens.directory }
        settings.requestsPerSecond = configuration.api.rateLimitPerSecond
        let certificates = try APICertificateKeeper(configuration, threads: threads, logger: logger)
        (settings.security, settings.trust) = (certificates.security, certificates.trust)
        await NodeLoop.run {
            node.apiCertificates = certificates
            certificates.start()
        }
        settings.data = configuration.apiData
        return HTTPAPI(
            settings,
            cluster: NodeInformation(node: node, pool: pool, queries: queries, secret: secret, proxy: proxy),
            administration: NodeAdministration(node: node, secret: secret),
            group: MultiThreadedEventLoopGroup.singleton, logger: logger
        ) { _ in readiness.reached(.api) }
    }

    private func relayCredentials(_ identity: Identity) -> Credentials {
        Credentials(user: "wolfscale_relay", password: Self.hex(identity.clusterSecret.prefix(16)))
    }

    private func makeDriver(_ node: Node, relayPort: Int) async throws -> DatabaseDriver {
        let socket = configuration.socketPath
        let server = try makeServer(number: node.identity.number)
        let login = server.administration
        let settings = DatabaseDriver.Settings(
            number: node.identity.number, relayPort: relayPort, relayCredentials: relayCredentials(node.identity),
            captureAddress: socket.map { .unix(path: $0) }
                ?? .tcp(host: configuration.database.host, port: configuration.database.port),
            captureCredentials: Credentials(user: login.user, password: login.password ?? ""),
            fragmentBytesMax: configuration.wal.maxFragmentKB << 10,
            orphanDirectory: configuration.node.dataDirectory + "/orphans",
            unresponsiveAfter: .milliseconds(configuration.cluster.electionTimeoutMaxMs * 2))
        return await NodeLoop.run { [threads, logger] in
            DatabaseDriver(
                server: server, consensus: node.consensus, capture: node.capture, threads: threads, settings: settings,
                logger: logger)
        }
    }

    private func makeServer(number: NodeNumber) throws -> any DatabaseServer {
        let database = configuration.database
        guard !database.managed else {
            return ManagedServer(
                options: ServerOptions(
                    paths: ServerPaths(dataDirectory: configuration.node.dataDirectory), number: number,
                    host: database.host,
                    port: database.port, extra: database.serverOptions, user: geteuid() == 0 ? "root" : nil,
                    takesProxyHeaders: configuration.proxy.enabled && configuration.proxy.proxyProtocolToServer),
                logger: logger, threads: threads)
        }
        guard let start = database.startCommand, let fence = database.fenceCommand else {
            throw AgentError(
                "an attached database in quorum mode needs database.start_command and database.fence_command, for example "
                    + "\"systemctl start mariadb\" and \"systemctl kill -s KILL mariadb\"")
        }
        return AttachedServer(
            administration: try configuration.attachedAdministration(), number: number, startCommand: start,
            fenceCommand: fence, logger: logger, threads: threads)
    }
}

/// Where the log's thread finds consensus once there is one.
private final class ConsensusHolder: Sendable {
    @NodeLoop var consensus: Consensus?
    init() {}
}
