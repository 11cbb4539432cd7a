import MariaDBWire
import NIOCore

/// Prepared statements: the client has numbers of the proxy's, each database its own; where one is missing it is prepared again.
extension ProxySession {
    private static let idOffset = PacketFraming.headerBytes + 1
    /// MariaDB: the statement prepared last.
    private static let lastPrepared: UInt32 = 0xFFFF_FFFF

    func takePrepared(_ command: UInt8, _ packet: ByteBuffer, isWhole: Bool) {
        guard
            let given = packet.getInteger(
                at: packet.readerIndex + Self.idOffset, endianness: .little, as: UInt32.self)
        else { return answerError(1835, "HY000", "Malformed communication packet") }
        let id = given == Self.lastPrepared ? lastStatementID : given
        guard let statement = statements[id] else { return unknown(given, command) }
        var request = ClientCommand(
            command: command, packet: packet, summary: statement.summary, shape: .results, statementID: id,
            isWhole: isWhole)
        switch command {
        case Command.execute:
            let hasCursor = packet.getInteger(at: packet.readerIndex + Self.idOffset + 4, as: UInt8.self) ?? 0 != 0
            if hasCursor { statements[id]?.isBoundToLeader = true }
            request.wantsLeader = statement.isBoundToLeader || hasCursor
            noteTypes(id, packet)
        case Command.bulkExecute:
            request.wantsLeader = true
            request.summary.isSingle = false
        case Command.fetch:
            request.summary = StatementSummary(verb: .other, route: .leader)
            request.shape = .rows
        case Command.sendLongData:
            statements[id]?.isBoundToLeader = true
            request.summary = StatementSummary(verb: .other, route: .leader)
            request.shape = nil
        case Command.resetStatement:
            statements[id]?.isBoundToLeader = false
            guard statement.leaderID != nil else { return answerOK() }
            request.summary = StatementSummary(verb: .other, route: .leader)
        default: return closeStatement(id, statement)
        }
        plan(request)
    }

    private func unknown(_ id: UInt32, _ command: UInt8) {
        let function =
            switch command {
            case Command.execute: "mysqld_stmt_execute"
            case Command.bulkExecute: "mysqld_stmt_bulk_execute"
            case Command.fetch: "mysqld_stmt_fetch"
            case Command.resetStatement: "mysqld_stmt_reset"
            default: ""
            }
        // These two have no answer, whatever they say.
        if command == Command.closeStatement || command == Command.sendLongData { return }
        answerError(1243, "HY000", "Unknown prepared statement handler (\(id)) given to \(function)")
    }

    private func closeStatement(_ id: UInt32, _ statement: PreparedStatement) {
        statements[id] = nil
        statementBytes -= statement.text?.readableBytes ?? 0
        for (backend, number) in [(leader, statement.leaderID), (replica, statement.replicaID)] {
            guard let backend, let number, backend.isReady else { continue }
            var payload = ByteBuffer(bytes: [Command.closeStatement])
            payload.writeInteger(number, endianness: .little)
            var packet = ByteBuffer()
            packet.writePacket(payload, sequence: 0)
            backend.send(packet)
            backend.flush()
        }
    }

    /// Takes in the answer to the client's COM_STMT_PREPARE.
    ///
    /// - Returns: the number that the client gets.
    func notePrepared(_ id: UInt32, _ bytes: ByteBuffer, _ payload: Range<Int>, _ backend: BackendConnection) -> UInt32
    {
        guard let request = current else { return id }
        lastStatementID &+= 1
        let parameters =
            bytes.getInteger(at: bytes.readerIndex + payload.lowerBound + 7, endianness: .little, as: UInt16.self) ?? 0
        var statement = PreparedStatement(summary: .unknown, parameterCount: Int(parameters))
        if request.isWhole, let text = request.text, statementBytes + text.readableBytes <= Self.statementBytesMax {
            // A copy: the slice would hold on to whatever the client sent along with it.
            statement.text = ByteBuffer(bytes: text.readableBytesView)
            statement.summary = summarize(request.packet)
            statementBytes += text.readableBytes
        }
        if backend.isReplica { statement.replicaID = id } else { statement.leaderID = id }
        statements[lastStatementID] = statement
        return lastStatementID
    }

    func isPrepared(_ id: UInt32, at backend: BackendConnection) -> Bool {
        guard let statement = statements[id] else { return true }
        return (backend.isReplica ? statement.replicaID : statement.leaderID) != nil
    }

    func prepareAgain(_ id: UInt32, at backend: BackendConnection) {
        guard let text = statements[id]?.text else {
            return finish {
                $0.answerError(1615, "HY000", "Prepared statement needs to be re-prepared")
            }
        }
        var payload = ByteBuffer(bytes: [Command.prepare])
        payload.writeImmutableBuffer(text)
        backend.run(payload, shape: .prepared) { [self] answer in
            switch answer {
            case .prepared(let number):
                if backend.isReplica { statements[id]?.replicaID = number } else { statements[id]?.leaderID = number }
                advance()
            case .error(let error):
                if backend.isReplica {
                    current?.wantsLeader = true
                    advance()
                } else {
                    finish { $0.answerError(error.code, error.sqlState, error.message) }
                }
            case .value: close()
            }
        }
    }

    // MARK: Numbers and types

    /// Puts the database's number into a command, and the parameters' types where that database has not had them.
    func address(_ packet: inout ByteBuffer, _ id: UInt32, _ command: UInt8, to backend: BackendConnection) {
        guard let statement = statements[id] else { return }
        let number = (backend.isReplica ? statement.replicaID : statement.leaderID) ?? 0
        packet.setInteger(number, at: packet.readerIndex + Self.idOffset, endianness: .little)
        guard command == Command.execute, statement.parameterCount > 0 else { return }
        let known = backend.isReplica ? statement.typesAreKnown.replica : statement.typesAreKnown.leader
        if backend.isReplica {
            statements[id]?.typesAreKnown.replica = true
        } else {
            statements[id]?.typesAreKnown.leader = true
        }
        let flagAt = packet.readerIndex + Self.typesFlagOffset(statement.parameterCount)
        guard !known, let types = statement.types, packet.getInteger(at: flagAt, as: UInt8.self) == 0 else { return }
        let rest = packet.writerIndex - flagAt - 1
        guard
            var payload = packet.getSlice(
                at: packet.readerIndex + PacketFraming.headerBytes,
                length: flagAt - packet.readerIndex - PacketFraming.headerBytes),
            let values = packet.getSlice(at: flagAt + 1, length: rest)
        else { return }
        payload.writeInteger(UInt8(1))
        payload.writeImmutableBuffer(types)
        payload.writeImmutableBuffer(values)
        packet = ByteBuffer()
        packet.writePacket(payload, sequence: 0)
    }

    private static func typesFlagOffset(_ parameters: Int) -> Int { idOffset + 4 + 1 + 4 + (parameters + 7) / 8 }

    /// Keeps the types that an execute brings along; they hold for those after it.
    private func noteTypes(_ id: UInt32, _ packet: ByteBuffer) {
        guard let count = statements[id]?.parameterCount, count > 0 else { return }
        let flagAt = packet.readerIndex + Self.typesFlagOffset(count)
        guard packet.getInteger(at: flagAt, as: UInt8.self) == 1,
            let types = packet.getBytes(at: flagAt + 1, length: count * 2)
        else { return }
        if let known = statements[id]?.types, known.readableBytesView.elementsEqual(types) { return }
        statements[id]?.types = ByteBuffer(bytes: types)
        statements[id]?.typesAreKnown = (false, false)
    }
}
