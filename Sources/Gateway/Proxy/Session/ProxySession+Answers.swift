import Logging
import MariaDBWire
import NIOCore

/// The way of commands to a database, and of answers to the client.
extension ProxySession: BackendOwner {
    func dispatch(_ request: ClientCommand, to backend: BackendConnection) {
        var bytes = request.packet
        if let statement = request.statement { address(&bytes, statement, request.command, to: backend) }
        current?.isSent = true
        answering = backend
        if backend.isReplica { worker.counters.commandsAtReplica += 1 } else { worker.counters.commandsAtLeader += 1 }
        // Preparing is not what a client asks about afterwards.
        if request.command != Command.prepare { wasAtReplica = backend.isReplica }
        backend.send(bytes)
        stopWaiting()
        guard let shape = request.shape else {
            if streaming == nil { backend.flush() }
            complete()
            return
        }
        reader = makeReader(shape, request, backend)
        renumbering = nil
        if streaming == nil { backend.flushSoon(in: worker.flushes) } else { stream() }
    }

    /// Passes the rest of a large command or of a local file on.
    func stream() {
        guard var counter = streaming, let backend = answering, current?.isSent ?? true else { return }
        if let part = counter.take(from: &input), part.readableBytes > 0 { backend.send(part) }
        streaming = counter.isEnded ? nil : counter
        backend.flush()
        if counter.isEnded, current == nil {
            answering = nil
            pump()
        } else {
            // There is room again, or the database must take this first.
            holdClient()
        }
    }

    func backendWritabilityChanged(_ backend: BackendConnection) { if backend === answering { holdClient() } }

    func backend(_ backend: BackendConnection, asks payload: ByteBuffer) {
        guard phase == .checking else { return close() }
        phase = .relaying
        answer(payload, sequence: sequence)
    }

    func backendLoggedIn(_ backend: BackendConnection) {
        if phase == .checking { loginDone(backend) } else { advance() }
    }

    func backendPaused(_ backend: BackendConnection) {
        guard backend === answering, current?.isAnswered == true, let context else { return }
        context.flush()
        if !context.channel.isWritable { backend.setReading(false) }
    }

    // MARK: Answers

    func backend(_ backend: BackendConnection, received bytes: inout ByteBuffer) {
        guard backend === answering, current != nil else { return receivedUnasked(backend, &bytes) }
        /// What has been understood and not yet passed on begins here, relative to the readable bytes.
        var passedOn = 0
        var position = 0
        while true {
            let (end, event) = bytes.withUnsafeReadableBytes { reader.scan($0, from: position) }
            position = end
            guard let event else { break }
            switch event {
            case .status(let status, let payload, let isLast):
                if status.changes != nil {
                    pass(bytes, passedOn..<(payload.lowerBound - PacketFraming.headerBytes))
                    rewrite(bytes, payload, status, backend)
                    passedOn = payload.upperBound
                }
                take(status.flags, from: backend)
                noteUntold(status, backend)
                if isLast {
                    pass(bytes, passedOn..<end)
                    bytes.moveReaderIndex(forwardBy: end)
                    return complete()
                }
            case .withoutDefinitions(let payload):
                pass(bytes, passedOn..<(payload.lowerBound - PacketFraming.headerBytes))
                putDefinitionsIn(bytes, payload, backend)
                passedOn = payload.upperBound
            case .error(let payload):
                if takesBack(bytes, payload, backend) {
                    bytes.moveReaderIndex(forwardBy: end)
                    return
                }
                pass(bytes, passedOn..<end)
                bytes.moveReaderIndex(forwardBy: end)
                return complete(failed: true)
            case .prepared(let id, let payload, let isLast):
                let own = notePrepared(id, bytes, payload, backend)
                if own != id {
                    bytes.setInteger(own, at: bytes.readerIndex + payload.lowerBound + 1, endianness: .little)
                }
                if isLast {
                    pass(bytes, passedOn..<end)
                    bytes.moveReaderIndex(forwardBy: end)
                    return complete()
                }
            case .wantsFile(let payload):
                pass(bytes, passedOn..<end)
                passedOn = end
                let number = bytes.getInteger(at: bytes.readerIndex + payload.lowerBound - 1, as: UInt8.self) ?? 1
                streaming = FrameCounter(until: .emptyPacket, numbersFrom: compression == nil ? nil : number &+ 1)
                flush()
                if input.readableBytes > 0 { stream() }
            case .done:
                pass(bytes, passedOn..<end)
                bytes.moveReaderIndex(forwardBy: end)
                return complete()
            case .broken(let reason):
                logger.error(
                    "an answer that makes no sense", metadata: ["from": "\(backend.address)", "what": "\(reason)"])
                return close()
            }
        }
        pass(bytes, passedOn..<position)
        bytes.moveReaderIndex(forwardBy: position)
    }

    private func pass(_ bytes: ByteBuffer, _ range: Range<Int>) {
        guard !range.isEmpty, let part = bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count)
        else { return }
        passOn(part)
    }

    /// - Parameter part: whole packets, or a piece of one after the piece before.
    func passOn(_ part: ByteBuffer) {
        current?.isAnswered = true
        guard renumbering != nil else { return write(part) }
        var part = part
        if let numbered = renumbering?.take(from: &part) { write(numbered) }
    }

    /// Takes in what the server says of the session, and shows the client what it asked for of that.
    private func rewrite(
        _ bytes: ByteBuffer, _ range: Range<Int>, _ status: StatusPacket, _ backend: BackendConnection
    ) {
        let sequence =
            bytes.getInteger(at: bytes.readerIndex + range.lowerBound - 1, as: UInt8.self) ?? 1
        let isNames = current.map { setsNames($0) } ?? false
        let payload = bytes.withUnsafeReadableBytes { view in
            let payload = UnsafeRawBufferPointer(rebasing: view[range])
            if let changes = status.changes {
                SessionChange.read(UnsafeRawBufferPointer(rebasing: payload[changes])) { change, _ in
                    note(change, backend, isNames: isNames)
                }
            }
            return state.tracking.filtered(payload, status)
        }
        var packet = ByteBuffer()
        packet.writePacket(payload, sequence: sequence)
        passOn(packet)
    }

    private func note(_ change: SessionChange, _ backend: BackendConnection, isNames: Bool) {
        switch change {
        case .systemVariable(let name, let value):
            if isNames, SessionState.characterSets.contains(name) { return }
            state.changed(name, to: value)
            backend.syncedVersion = state.version
        case .schema(let name):
            state.schema = name
            backend.syncedSchema = name
        case .state:
            if current?.summary.effects.contains(.opaque) == true { state.effects.insert(.opaque) }
        case .other: break
        }
    }

    private func setsNames(_ request: ClientCommand) -> Bool {
        guard request.command == Command.query, request.summary.verb == .set, request.summary.isSingle,
            let text = request.text
        else { return false }
        let words = String(buffer: text.getSlice(at: text.readerIndex, length: min(64, text.readableBytes)) ?? text)
            .uppercased().split(whereSeparator: { " \t\r\n".contains($0) })
        guard words.count > 2, words[0] == "SET" else { return false }
        return words[1] == "NAMES" || words[1] == "CHARSET" || (words[1] == "CHARACTER" && words[2].hasPrefix("SET"))
    }

    /// An EOF packet can't tell what changed; after a write it may hide a GTID.
    private func noteUntold(_ status: StatusPacket, _ backend: BackendConnection) {
        guard !backend.isReplica, !status.isOK, let request = current else { return }
        if request.summary.effects.contains(.writes), !status.flags.contains(.inTransaction) {
            state.tokenIsUnknown = true
        }
        if status.flags.contains(.sessionStateChanged) { state.effects.insert(.leaderOnly) }
    }

    /// Whether an error is kept from the client, because the command is tried where it can be done.
    private func takesBack(_ bytes: ByteBuffer, _ range: Range<Int>, _ backend: BackendConnection) -> Bool {
        guard let request = current, !request.isAnswered, !isReadingAtReplica,
            let code = bytes.getInteger(
                at: bytes.readerIndex + range.lowerBound + 1, endianness: .little, as: UInt16.self)
        else { return false }
        if backend.isReplica {
            // A view or routine that writes: found out by the replica, done by the leader.
            guard code == 1290 || code == 1792, request.isWhole else { return false }
            retry(toLeader: true)
            return true
        }
        guard code == 1290, request.isRefusedWholly, !state.isInTransaction, readOnlyRetries < readOnlyRetriesMax,
            bytes.getString(at: bytes.readerIndex + range.lowerBound, length: range.count)?.contains("read-only")
                == true
        else { return false }
        // A leader that is one no more said no before it did anything. The next one is asked.
        readOnlyRetries += 1
        state.flags = state.flags.subtracting(.inTransaction)
        guard dropLeader() else { return true }
        answering = nil
        current?.isSent = false
        retryLeaderSoon()
        return true
    }

    private func take(_ flags: ServerStatus, from backend: BackendConnection) {
        // MariaDB ends a READ ONLY transaction at SET autocommit = 1, but refuses to write until something was read: what follows must
        // find that session, as after SET TRANSACTION READ ONLY.
        if state.flags.contains(.inReadOnlyTransaction), !flags.contains(.inReadOnlyTransaction), !backend.isReplica,
            current?.summary.verb == .set
        {
            state.effects.insert(.nextTransaction)
        }
        state.flags = flags.subtracting([.sessionStateChanged, .moreResults, .cursorExists])
    }

    private var readOnlyRetriesMax: Int {
        Int(worker.configuration.failoverWait.nanoseconds / Self.retryInterval.nanoseconds)
    }

    /// The answer has gone: takes in what the command did to the session, and the next command.
    func complete(failed: Bool = false) {
        guard let request = current, let backend = answering else { return }
        readOnlyRetries = 0
        repeats = 0
        if streaming == nil { answering = nil }
        current = nil
        noteColumns(request, backend)
        settle(request, backend, failed: failed)
        flushSoon()
        guard phase == .ready else { return }
        // The flush may have made room again while no answer was under way, so that nobody was told.
        backend.setReading(true)
        if !isReadingClient { holdClient() }
        pump()
    }

    /// FOUND_ROWS() is as before after these.
    private static let keepsFoundRows: [StatementVerb] = [
        .set, .begin, .beginReadOnly, .commit, .rollback, .unlockTables,
    ]

    private func settle(_ request: ClientCommand, _ backend: BackendConnection, failed: Bool) {
        if setsNames(request), !failed, let text = request.text {
            state.changedNames(String(buffer: text))
            backend.syncedVersion = state.version
        }
        var effects = request.summary.effects.subtracting([
            .opaque, .writes, .tracking, .endsTransaction, .lastInsertID,
        ])
        // What SET TRANSACTION said waits at the leader until a statement has had a transaction there. One that fails may not have come
        // as far, one that reads may have read nothing of an engine with transactions, one that is only prepared has done nothing.
        if !failed, request.command != Command.prepare, request.summary.endsWaitForTransaction {
            state.effects.remove(.nextTransaction)
        }
        // One that can't be prepared is what a client asks about: SHOW WARNINGS.
        if failed {
            wasAtReplica = backend.isReplica
        } else if request.command != Command.prepare, !Self.keepsFoundRows.contains(request.summary.verb) {
            succeededAtReplica = backend.isReplica
        }
        if failed { effects.subtract([.temporaryTable, .nextTransaction, .leaderOnly, .tableLocks]) }
        state.effects.formUnion(effects)
        if !failed, [.unlockTables, .begin, .beginReadOnly].contains(request.summary.verb) {
            state.effects.remove(.tableLocks)
        }
        if request.summary.effects.contains(.tracking) { refreshesTracking = true }
        if backend.isReplica {
            isReadingAtReplica = state.flags.contains(.inTransaction)
        }
        if let victim = request.victim, !failed { victim.eventLoop.execute { victim.killed() } }
        switch request.command {
        case Command.setOption where !failed:
            state.multiStatements = request.packet.getInteger(at: request.packet.readerIndex + 5, as: UInt8.self) == 0
            backend.syncedMultiStatements = state.multiStatements
        case Command.resetConnection where !failed: resetDone(backend)
        default: break
        }
    }

    private func resetDone(_ backend: BackendConnection) {
        state.reset()
        hasLostState = false
        statements = [:]
        statementBytes = 0
        backend.syncedVersion = nil
        backend.syncedMultiStatements = nil
        if let replica, replica !== backend { forget(replica) }
        isReadingAtReplica = false
    }
}
