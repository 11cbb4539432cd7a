import Logging
import MariaDBWire
import NIOCore

/// What a lost database connection means to the client: nothing, a pause, or the loss of its own. A write whose outcome is unknown
/// is never repeated.
extension ProxySession {
    func backend(_ backend: BackendConnection, ended reason: BackendEnd) {
        if case .said(let error, atLogin: true) = reason, error.isWithoutTLS {
            worker.shared.warnOfTLS(logger, "\(backend.address): \(error.message)")
        }
        switch phase {
        case .checking, .relaying: lostAtLogin(backend, reason)
        case .ready:
            if case .said(let error, atLogin: true) = reason { return refusedAgain(backend, error) }
            if backend === replica { lostReplica(backend, reason) } else if backend === leader { lostLeader(backend) }
        case .greeted, .switching, .closed: break
        }
    }

    private func lostAtLogin(_ backend: BackendConnection, _ reason: BackendEnd) {
        leader = nil
        replica = nil
        switch reason {
        case .said(let error, _): refuse(error.code, error.sqlState, error.message)
        case .cannotConnect(let text), .lost(let text):
            logger.info("a login waits for a database", metadata: ["at": "\(backend.address)", "reason": "\(text)"])
            if backend.isReplica {
                refuse(1105, "HY000", "Neither the leader's database nor the replica can be reached: \(text)")
            } else if isWaitOver {
                connectAtLogin()
            } else {
                retryLeaderSoon()
            }
        case .closed: break
        }
    }

    /// The account has changed since the client logged in, or the server is full.
    private func refusedAgain(_ backend: BackendConnection, _ error: ServerError) {
        if backend === replica {
            logger.info("the replica refuses a session", metadata: ["error": "\(error)"])
            return lostReplica(backend, .lost(error.message))
        }
        if current != nil { answerError(error.code, error.sqlState, error.message) }
        close()
    }

    private func lostReplica(_ backend: BackendConnection, _ reason: BackendEnd) {
        let wasAnswering = answering === backend
        dropReplica()
        let now = NIODeadline.now()
        lostReplicas = lostReplicas.filter { $0.value > now }
        lostReplicas[backend.address] = now + .seconds(1)
        if isKilled || isReadingAtReplica { return close() }
        guard wasAnswering else { return advance() }
        guard let request = current, !request.isAnswered, request.isWhole, mayRepeat() else { return close() }
        // Another one, once; then the leader, which is there for certain or will be.
        retry(toLeader: repeats > 1 || !replicaIsUsable)
    }

    private func lostLeader(_ backend: BackendConnection) {
        defer {
            if phase == .closed { worker.counters.sessionsLost += 1 } else { worker.counters.sessionsMoved += 1 }
        }
        let wasAnswering = answering === backend
        let isInTransaction = state.isInTransaction && !isReadingAtReplica
        if isKilled { return close() }
        if wasAnswering {
            guard let request = current, request.isRead, !request.isAnswered, !isInTransaction, mayRepeat() else {
                return close()
            }
            guard dropLeader() else { return }
            answering = nil
            current?.isSent = false
            return retryLeaderSoon()
        }
        guard !isInTransaction, dropLeader() else { return close() }
        if current != nil { retryLeaderSoon() }
    }

    /// What a database says without having been asked: that it ends the connection.
    func receivedUnasked(_ backend: BackendConnection, _ bytes: inout ByteBuffer) {
        var decoder = PacketDecoder(payloadBytesMax: 1 << 16)
        do throws(WireError) {
            guard let packet = try decoder.next(from: &bytes) else { return }
            let error = try ServerError(packet.payload)
            logger.info("a database ends a session", metadata: ["at": "\(backend.address)", "error": "\(error)"])
            let epoch = backend.epoch
            guard backend === leader, error.code == Self.connectionWasKilled else { return }
            // Somebody killed it, or its server gives way to another leader: which, is known soon.
            eventLoop.scheduleTask(in: Self.grace) { [weak self] in
                guard let self, self.leader == nil || self.leader === backend, self.view.leader?.epoch == epoch else {
                    return
                }
                self.close()
            }
        } catch {
            logger.error("bytes that nobody asked for", metadata: ["from": "\(backend.address)"])
            close()
        }
    }

    private static let connectionWasKilled: UInt16 = 1927
}
