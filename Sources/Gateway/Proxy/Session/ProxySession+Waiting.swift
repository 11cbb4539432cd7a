import NIOCore

/// Waiting for a leader: a command, or a login, is held for `proxy.failover_wait_ms` at most.
extension ProxySession {
    func awaitLeader() {
        guard waiting == nil else { return }
        isWaitOver = false
        waiting = eventLoop.scheduleTask(in: worker.configuration.failoverWait) { [weak self] in
            guard let self else { return }
            self.waiting = nil
            self.isWaitOver = true
            if self.phase == .checking { self.connectAtLogin() } else { self.advance() }
        }
    }

    var waitIsOver: Bool { isWaitOver }

    func stopWaiting() {
        waiting?.cancel()
        waiting = nil
        isWaitOver = false
    }

    func awaitLeaderOrRefuse() {
        guard isWaitOver else { return awaitLeader() }
        finish {
            $0.answerError(
                1290, "HY000",
                "The cluster has no leader at the moment, so nothing can be written and only replicas can be read "
                    + "(\($0.view.reason)); try again")
        }
    }

    /// A leader that did not let us in may be dying: asked again soon, while the wait lasts.
    func retryLeaderSoon() {
        awaitLeader()
        retryLeaderAt = .now() + Self.retryInterval
        eventLoop.scheduleTask(in: Self.retryInterval) { [weak self] in
            guard let self else { return }
            if self.phase == .checking { self.connectAtLogin() } else { self.advance() }
        }
    }

    static let retryInterval = TimeAmount.milliseconds(50)

    /// The cluster has changed.
    func viewChanged() {
        switch phase {
        case .checking: connectAtLogin()
        case .ready:
            leaveOldLeader()
            leaveOldReplica()
            advance()
        case .greeted, .switching, .relaying, .closed: break
        }
    }

    /// A connection to a leader of before: an idle session lets go at once, one that is busy there has a moment to end.
    private func leaveOldLeader() {
        guard let leader, let now = view.leader, leader.epoch != now.epoch else { return }
        let isBusy = answering === leader || (state.isInTransaction && !isReadingAtReplica)
        if !isBusy {
            _ = dropLeader()
            return
        }
        if answering === leader, let request = current, request.isRead, !request.isAnswered, !state.isInTransaction {
            // A read that an old leader may never answer is asked again.
            if dropLeader() { retry(toLeader: true) }
            return
        }
        eventLoop.scheduleTask(in: Self.grace) { [weak self, weak leader] in
            guard let self, let leader, self.leader === leader, self.phase == .ready else { return }
            if self.answering === leader || (self.state.isInTransaction && !self.isReadingAtReplica) {
                self.close()
            }
        }
    }

    /// A replica that is none any more, or too far behind.
    private func leaveOldReplica() {
        guard phase == .ready, let replica, !view.isReplica(replica.address), !isReadingAtReplica else { return }
        guard answering === replica else { return dropReplica() }
        // One that has stopped answering would hold the client for ever.
        guard let request = current, request.isRead, !request.isAnswered else { return }
        dropReplica()
        retry(toLeader: view.replicas.isEmpty)
    }

    static let grace = TimeAmount.seconds(2)

    /// - Returns: false when the session could not outlive it and was closed.
    func dropLeader() -> Bool {
        guard let leader else { return true }
        forget(leader)
        if secret == .relayed || !state.effects.isDisjoint(with: [.temporaryTable, .serverState]) {
            close()
            return false
        }
        if state.effects.contains(.userVariables) || state.effects.contains(.opaque) {
            hasLostState = true
            state.effects.subtract([.userVariables, .opaque])
        }
        for (id, statement) in statements {
            if statement.text == nil, statement.atLeader != nil { statements[id] = nil }
            statement.forgetLeader()
        }
        return true
    }

    func dropReplica() {
        if let replica { forget(replica) }
        for statement in statements.values { statement.forgetReplica() }
    }

    func forget(_ backend: BackendConnection) {
        backend.close()
        if backend === leader { leader = nil }
        if backend === replica { replica = nil }
        if backend === answering { answering = nil }
    }

    /// Whether the command under way may be asked once more after a loss; one that takes its server down must not go on for ever.
    func mayRepeat() -> Bool {
        repeats += 1
        return repeats <= Self.repeatsMax
    }

    static let repeatsMax = 3

    /// Asks the command under way again; it is as if it had not been sent.
    func retry(toLeader: Bool) {
        answering = nil
        current?.isSent = false
        current?.hasAwaited = false
        if toLeader { current?.wantsLeader = true }
        advance()
    }
}
