import Channels
import Logging
import MariaDBWire
import NIOCore
import NIOSSL

/// The client's login: greeted by the proxy, checked against the accounts of the cluster, then repeated at a database.
extension ProxySession {
    func greet() {
        var payload = ByteBuffer()
        var greeting = HandshakeV10(
            serverVersion: worker.serverVersion, connectionID: connectionID, salt: salt,
            capabilities: worker.configuration.tls == nil ? Self.capabilities : Self.capabilities.union(.tls),
            plugin: NativePassword.plugin)
        greeting.characterSet = 45
        greeting.write(to: &payload)
        answer(payload, sequence: 0)
        sequence = 1
    }

    /// What MariaDB 10.11 offers, without what the proxy carries only with a certificate (TLS).
    static let capabilities = Capabilities(rawValue: 0x81FF_F7FE)
        .union([.progress, .bulkExecute, .extendedMetadata, .cachedMetadata])
        .subtracting(.tls)

    /// - Returns: whether there may be more to take.
    func receiveLogin() -> Bool {
        guard !isFirst || takeProxyHeader() else { return false }
        let packet: Packet
        do throws(WireError) {
            guard let next = try decoder.next(from: &input) else { return false }
            packet = next
        } catch {
            refuse(1043, "08S01", "Bad handshake: \(error)")
            return false
        }
        sequence = packet.sequence &+ 1
        switch phase {
        case .switching:
            check(reply: Array(buffer: packet.payload))
            return false
        case .relaying:
            phase = .checking
            leader?.reply(packet.payload)
            return false
        case .greeted, .checking, .ready, .closed: break
        }
        if !isEncrypted, asksForTLS(packet.payload) {
            encrypt()
            return false
        }
        guard isEncrypted || !worker.configuration.requiresTLS else {
            refuse(3159, "HY000", "Connections using insecure transport are prohibited (proxy.tls_required)")
            return false
        }
        do throws(WireError) {
            var response = try HandshakeResponse(packet.payload)
            response.capabilities = response.capabilities.intersection(Self.capabilities.union(.longPassword))
            hello = response
            state.tracking.isEnabled = response.capabilities.contains(.sessionTracking)
            state.schema = response.database
            guard response.plugin == nil || response.plugin == NativePassword.plugin else {
                askForNative()
                return true
            }
            check(reply: response.authentication)
        } catch {
            refuse(1043, "08S01", "Bad handshake: \(error)")
        }
        return false
    }

    func askForNative() {
        phase = .switching
        var request = ByteBuffer()
        AuthenticationSwitch(plugin: NativePassword.plugin, data: salt).write(to: &request)
        answer(request, sequence: sequence)
    }

    /// Looks the account up and decides; a refusal is checked once against what the database says now.
    func check(reply: [UInt8], fresh: Bool = false) {
        guard let hello else { return close() }
        phase = .checking
        let promise = eventLoop.makePromise(of: (accounts: [ProxyAccount], isFresh: Bool).self)
        promise.completeWithTask { [accounts = worker.accounts] in
            try await accounts.accounts(named: hello.user, fresh: fresh)
        }
        promise.futureResult.whenComplete { [self] result in
            guard phase == .checking else { return }
            switch result {
            case .success(let (found, isFresh)):
                let decision = LoginDecision.make(
                    accounts: found, user: hello.user, address: clientAddress,
                    resolvesLoopback: worker.resolvesLoopback, reply: reply, salt: salt)
                if decision == .denied, !isFresh, !fresh { return check(reply: reply, fresh: true) }
                self.accounts = found
                accountHost = account(from: clientAddress)?.host ?? ""
                decided(decision, usedPassword: !reply.isEmpty)
            case .failure(let error):
                logger.warning("accounts can't be read", metadata: ["error": "\(error)"])
                refuse(1105, "HY000", "The proxy can't read the accounts at the moment; try again")
            }
        }
    }

    private func account(from address: String) -> ProxyAccount? {
        LoginDecision.account(
            of: accounts, user: hello?.user ?? "", address: address, resolvesLoopback: worker.resolvesLoopback)
    }

    /// A database that is not told the client's address sees the proxy's. It must find the same account for it as for the client's: with another it would give rights
    /// that are meant for another host.
    func backend(_ backend: BackendConnection, mayLogInFrom address: String) -> Bool {
        mayLogIn(from: address)
    }

    func mayLogIn(from address: String) -> Bool { account(from: address)?.host == accountHost }

    var clientAddress: String { ends?.source.description ?? "localhost" }

    private func decided(_ decision: LoginDecision, usedPassword: Bool) {
        let user = hello?.user ?? ""
        switch decision {
        case .accepted(let secret):
            self.secret = secret
            connectAtLogin()
        case .denied:
            worker.counters.loginsRefused += 1
            refuse(
                1045, "28000",
                "Access denied for user '\(user.prefix(80))'@'\(clientAddress)' (using password: \(usedPassword ? "YES" : "NO"))"
            )
        case .locked:
            worker.counters.loginsRefused += 1
            refuse(4151, "HY000", "Access denied, this account is locked")
        case .needs(let plugin) where Self.relayed.contains(plugin):
            secret = .relayed
            state.effects.insert(.leaderOnly)
            connectAtLogin()
        case .needs(let plugin):
            refuse(
                1045, "28000",
                "Access denied for user '\(user.prefix(80))'@'\(clientAddress)': the account logs in with \(plugin), "
                    + "which does not go through the proxy; connect to the database itself")
        }
    }

    /// Methods whose exchange can be passed on without giving a secret away. `unix_socket` never: a database would see the agent.
    private static let relayed: Set<String> = ["ed25519", "parsec"]

    // MARK: TLS

    /// The request for TLS is a login that ends before the user's name.
    private func asksForTLS(_ payload: ByteBuffer) -> Bool {
        guard payload.readableBytes == 32,
            let flags = payload.getInteger(at: payload.readerIndex, endianness: .little, as: UInt32.self)
        else { return false }
        return Capabilities(rawValue: UInt64(flags)).contains(.tls)
    }

    private func encrypt() {
        guard let tls = worker.configuration.tls, let context else {
            return refuse(1043, "08S01", "Bad handshake: the proxy has no certificate (proxy.tls_certificate)")
        }
        do {
            try DirectSocket.addNearestToSocket(
                NIOSSLServerHandler(context: tls), to: context.pipeline.syncOperations)
        } catch { return close() }
        isEncrypted = true
        // What came along unencrypted is for the TLS handshake: nothing of it may count as said inside.
        let rest = input
        input = ByteBuffer()
        decoder = PacketDecoder(payloadBytesMax: 1 << 20)
        if rest.readableBytes > 0 { context.pipeline.fireChannelRead(rest) }
    }

    func refuse(_ code: UInt16, _ sqlState: String, _ message: String) {
        answerError(code, sqlState, message, sequence: sequence)
        close()
    }

    /// A client is logged in when a database has let it in: then the default schema, limits and locks are the server's to judge.
    func connectAtLogin() {
        guard phase == .checking else { return }
        // From here on the wait for a leader is bounded by its own time.
        loginDeadline?.cancel()
        if let leader, leader.epoch != view.leader?.epoch { forget(leader) }
        guard leader == nil, replica == nil else { return }
        if let target = view.leader {
            stopWaiting()
            leader = open(target.address, isReplica: false, epoch: target.epoch)
        } else if waitIsOver {
            if worker.configuration.allowsStaleReads, let address = worker.nextReplica(where: { _ in true }) {
                replica = open(address, isReplica: true, epoch: 0)
            } else {
                refuse(1105, "HY000", "There is no leader to log in to: \(view.reason)")
            }
        } else {
            awaitLeader()
        }
    }

    func loginDone(_ backend: BackendConnection) {
        loginDeadline?.cancel()
        phase = .ready
        stopWaiting()
        state.flags = backend.loginFlags.subtracting(.sessionStateChanged)
        worker.learned(version: backend.serverVersion)
        answerOK(sequence: sequence)
        if input.readableBytes == 0 { input = ByteBuffer() } else { input.discardReadBytes() }
        if isToCompress, compression == nil { compress() } else { pump() }
    }

    // MARK: Compression

    /// What follows the OK of a login comes and goes in compressed frames.
    private func compress() {
        guard let context else { return close() }
        let handler = CompressionHandler(tools: worker.compressionTools, rest: input)
        compression = handler
        input = ByteBuffer()
        do { try context.pipeline.syncOperations.addHandler(handler, position: .before(self)) } catch { close() }
    }
}
