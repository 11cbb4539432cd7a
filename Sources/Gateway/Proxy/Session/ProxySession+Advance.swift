import Channels
import ClusterCore
import Logging
import MariaDBWire
import NIOCore

/// What a command needs before it can be sent: a place, a connection, the session's state there, and what a causal read must see.
extension ProxySession {
    /// Goes on with the command under way; called again after every change that may let it.
    func advance() {
        guard phase == .ready, let request = current, !request.isSent else { return }
        if isReadingAtReplica, request.command != Command.prepare, request.summary.effects.contains(.endsTransaction) {
            endReadingAtReplica()
        }
        switch routing(request.summary).place(request.summary, wantsLeader: request.wantsLeader) {
        case .leader:
            guard let backend = readyLeader() else { return }
            send(request, to: backend)
        case .replica:
            guard let backend = readyReplica() else { return }
            send(request, to: backend)
        case .awaitLeader: awaitLeaderOrRefuse()
        case .refuse(let reason):
            finish { $0.answerError(1792, "25006", reason) }
        }
    }

    /// A statement that ends every transaction ends a READ ONLY one, too, wherever that is; there is nothing to be lost in it.
    private func endReadingAtReplica() {
        isReadingAtReplica = false
        state.flags = state.flags.subtracting(.inTransaction)
        dropReplica()
    }

    private func routing(_ summary: StatementSummary) -> Routing {
        Routing(
            hasLeader: view.leader != nil, hasReplica: replicaIsUsable,
            allowsStaleReads: worker.configuration.allowsStaleReads, consistency: state.consistency,
            effects: state.effects, isInTransaction: state.isInTransaction && !isReadingAtReplica,
            isReadingAtReplica: isReadingAtReplica,
            wasAtReplica: summary.asksFoundRows ? succeededAtReplica : wasAtReplica)
    }

    var replicaIsUsable: Bool { isReadingAtReplica || view.replicas.contains { mayTry($0.address) } }

    private func mayTry(_ replica: BackendAddress) -> Bool {
        guard let retryAt = lostReplicas[replica] else { return true }
        return retryAt <= NIODeadline.now()
    }

    /// Ends the command under way with an answer of the proxy's own.
    func finish(_ answer: (ProxySession) -> Void) {
        // The rest of a large command still comes; it can't be told from the next one any more.
        let isCut = streaming != nil
        current = nil
        answering = nil
        stopWaiting()
        answer(self)
        if isCut { close() } else { pump() }
    }

    // MARK: Connections

    private func readyLeader() -> BackendConnection? {
        if let leader {
            guard leader.isReady else { return nil }
            if leader.epoch == view.leader?.epoch || (state.isInTransaction && !isReadingAtReplica) { return leader }
            guard dropLeader() else { return nil }
        }
        guard let target = view.leader else {
            awaitLeaderOrRefuse()
            return nil
        }
        if let waiting, retryLeaderAt > NIODeadline.now() {
            _ = waiting
            return nil
        }
        leader = open(target.address, isReplica: false, epoch: target.epoch)
        return nil
    }

    private func readyReplica() -> BackendConnection? {
        if let replica {
            guard replica.isReady else { return nil }
            if isReadingAtReplica || view.isReplica(replica.address) { return replica }
            dropReplica()
        }
        guard let address = worker.nextReplica(where: mayTry) else { return nil }
        replica = open(address, isReplica: true, epoch: 0)
        return nil
    }

    func open(_ address: BackendAddress, isReplica: Bool, epoch: UInt64) -> BackendConnection? {
        guard let hello else { return nil }
        let tls = worker.configuration.tls(to: address)
        let way = way(to: address, isEncrypted: tls != nil)
        if let backend = reuse(address, way, isReplica: isReplica, epoch: epoch, hello) { return backend }
        let login = BackendLogin(hello, schema: state.schema, secret: secret, isEncrypted: tls != nil)
        let backend = BackendConnection(
            address: address, isReplica: isReplica, epoch: epoch, login: login, header: headerForDatabases, tls: tls,
            owner: self)
        backend.syncedSchema = state.schema
        worker.counters.backendsOpened += 1
        worker.dialler.connect(to: way, on: eventLoop) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers(ReadsBetweenFlushes(), backend)
            }
        }.whenComplete { result in
            switch result {
            case .success(let channel): if backend.isEnded { channel.close(promise: nil) }
            case .failure(let error): backend.cannotConnect(error)
            }
        }
        return backend
    }

    /// By a socket a database sees `localhost`: it must take that for the same account, and then is told no other address.
    private func way(to address: BackendAddress, isEncrypted: Bool) -> BackendAddress {
        guard case .local(_, let host, let port) = address,
            isEncrypted || headerForDatabases != nil || !mayLogIn(from: DatabaseSees.socket)
        else { return address }
        return .tcp(host: host, port: port)
    }

    /// Whoever would come by the socket is the database's `localhost` on a connection of before, too.
    private func isReached(by way: BackendAddress, seenAs visible: String) -> Bool {
        switch way {
        case .local: visible == DatabaseSees.socket
        case .tcp: visible != DatabaseSees.socket
        case .member: true
        }
    }

    /// A connection that another client has left, on which this one logs in.
    private func reuse(
        _ address: BackendAddress, _ way: BackendAddress, isReplica: Bool, epoch: UInt64, _ hello: HandshakeResponse
    ) -> BackendConnection? {
        let login = BackendLogin(hello, schema: state.schema, secret: secret)
        let found = worker.pool.take {
            $0.address == address && $0.isReplica == isReplica && $0.epoch == epoch && $0.fits(login)
                && $0.visibleAddress.map { isReached(by: way, seenAs: $0) && mayLogIn(from: $0) } == true
        }
        guard let found else { return nil }
        worker.counters.backendsReused += 1
        found.begin(login, owner: self)
        found.syncedSchema = state.schema
        return found
    }

    // MARK: The session's state there

    private func send(_ request: ClientCommand, to backend: BackendConnection) {
        guard !backend.isRunning else { return }
        guard let synced = backend.syncedVersion else { return prepareSession(backend) }
        if refreshesTracking, !backend.isReplica { return refreshTracking(backend) }
        if synced < state.version {
            let version = state.version
            let statements = state.statements(since: synced, isReplica: backend.isReplica)
            return runAll(statements[...], at: backend) { $0.syncedVersion = version }
        }
        if let schema = state.schema, schema != backend.syncedSchema {
            var payload = ByteBuffer(bytes: [Command.initDatabase])
            payload.writeString(schema)
            return runStep(payload, .results, at: backend) { $0.syncedSchema = schema }
        }
        if let wanted = state.multiStatements, wanted != backend.syncedMultiStatements {
            let payload = ByteBuffer(bytes: [Command.setOption, wanted ? 0 : 1, 0])
            return runStep(payload, .onePacket, at: backend) { $0.syncedMultiStatements = wanted }
        }
        if let statement = request.statement, !statement.isReady(at: backend) {
            return prepareAgain(statement, at: backend)
        }
        if backend.isReplica, !request.hasAwaited, !isReadingAtReplica, state.consistency == .causal {
            return awaitToken(at: backend)
        }
        if state.consistency == .leader, request.summary.verb == .select, !state.isInTransaction,
            !worker.shared.trustsLeader
        {
            // Another may have been elected and have written meanwhile.
            guard !isWaitOver else { return awaitLeaderOrRefuse() }
            return retryLeaderSoon()
        }
        dispatch(request, to: backend)
    }

    /// The server is asked to tell what changes, and a replica's connection not to let anything be written, whoever asks.
    private func prepareSession(_ backend: BackendConnection) {
        var text = Self.trackingStatement
        if backend.isReplica { text += ",autocommit=1,tx_read_only=1" }
        runAll([text], at: backend) { $0.syncedVersion = 0 }
    }

    private static let trackingStatement =
        "SET SESSION session_track_schema=1,session_track_state_change=1,session_track_system_variables='*'"

    private func runAll(
        _ statements: ArraySlice<String>, at backend: BackendConnection, then: @escaping (BackendConnection) -> Void
    ) {
        guard let first = statements.first else {
            then(backend)
            return advance()
        }
        var payload = ByteBuffer(bytes: [Command.query])
        payload.writeString(first)
        backend.run(payload, shape: .results) { [self] answer in
            if case .error(let error) = answer { return stepFailed(backend, error) }
            runAll(statements.dropFirst(), at: backend, then: then)
        }
    }

    private func runStep(
        _ payload: ByteBuffer, _ shape: ResponseShape, at backend: BackendConnection,
        then: @escaping (BackendConnection) -> Void
    ) {
        backend.run(payload, shape: shape) { [self] answer in
            if case .error(let error) = answer { return stepFailed(backend, error) }
            then(backend)
            advance()
        }
    }

    /// The session can't be made the same there.
    private func stepFailed(_ backend: BackendConnection, _ error: ServerError) {
        logger.info("a session can't be carried over", metadata: ["to": "\(backend.address)", "error": "\(error)"])
        guard backend.isReplica else { return close() }
        state.effects.insert(.leaderOnly)
        dropReplica()
        advance()
    }

    /// The client has changed what it wants to be told: that is noted, and everything is told to the proxy again.
    private func refreshTracking(_ backend: BackendConnection) {
        backend.run(
            "SELECT CONCAT(@@session_track_schema,@@session_track_state_change,"
                + "@@session_track_transaction_info<>'OFF',@@session_track_system_variables)"
        ) { [self] answer in
            refreshesTracking = false
            if case .value(let text?) = answer, text.utf8.count >= 3 {
                let marks = Array(text.utf8.prefix(3))
                state.tracking.schema = marks[0] == UInt8(ascii: "1")
                state.tracking.state = marks[1] == UInt8(ascii: "1")
                state.tracking.transaction = marks[2] == UInt8(ascii: "1")
                let list = text.dropFirst(3)
                state.tracking.variables =
                    list == "*" ? nil : Set(list.split(separator: ",").map { $0.lowercased().filter { $0 != " " } })
            }
            let synced = backend.syncedVersion
            runAll([Self.trackingStatement], at: backend) { $0.syncedVersion = synced }
        }
    }

    // MARK: Causal reads

    private func awaitToken(at backend: BackendConnection) {
        if state.tokenIsUnknown {
            guard let leader, leader.isReady, !leader.isRunning else {
                current?.wantsLeader = true
                return advance()
            }
            return leader.run("SELECT @@last_gtid") { [self] answer in
                if case .value(let text) = answer {
                    state.tokenIsUnknown = false
                    text.map { state.note(gtid: $0) }
                } else {
                    current?.wantsLeader = true
                }
                advance()
            }
        }
        let token = state.token
        current?.hasAwaited = true
        guard !worker.applied(backend.address).covers(token) else { return advance() }
        let seconds = Double(worker.configuration.causalTimeout.nanoseconds) / 1e9
        backend.run("SELECT MASTER_GTID_WAIT('\(token)',\(seconds))") { [self] answer in
            if answer == .value("0") {
                worker.noteApplied(token, at: backend.address)
            } else {
                current?.wantsLeader = true
            }
            advance()
        }
    }

    static func position(_ text: String) -> GTIDPosition? {
        guard let position = GTIDPosition(text), !position.isEmpty else { return nil }
        return position
    }
}
