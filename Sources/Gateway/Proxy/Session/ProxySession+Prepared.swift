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
        let request = ClientCommand(
            command: command, packet: packet, summary: statement.summary, shape: .results, statement: statement,
            isWhole: isWhole)
        switch command {
        case Command.execute:
            let hasCursor = packet.getInteger(at: packet.readerIndex + Self.idOffset + 4, as: UInt8.self) ?? 0 != 0
            if hasCursor { statement.isBoundToLeader = true }
            request.wantsLeader = statement.isBoundToLeader || hasCursor
            noteTypes(statement, packet)
        case Command.bulkExecute:
            request.wantsLeader = true
            request.summary.isSingle = false
        case Command.fetch:
            request.summary = StatementSummary(verb: .other, route: .leader)
            request.shape = .rows
        case Command.sendLongData:
            statement.isBoundToLeader = true
            request.summary = StatementSummary(verb: .other, route: .leader)
            request.shape = nil
        case Command.resetStatement:
            statement.isBoundToLeader = false
            guard statement.atLeader != nil else { return answerOK() }
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
        for backend in [leader, replica].compactMap({ $0 }) {
            guard backend.isReady else { continue }
            forget(statement, at: backend)
            backend.flush()
        }
    }

    private func forget(_ statement: PreparedStatement, at backend: BackendConnection) {
        guard let copy = statement[backend] else { return }
        statement[backend] = nil
        var payload = ByteBuffer(bytes: [Command.closeStatement])
        payload.writeInteger(copy.id, endianness: .little)
        var packet = ByteBuffer()
        packet.writePacket(payload, sequence: 0)
        backend.send(packet)
    }

    /// Takes in the answer to the client's COM_STMT_PREPARE.
    ///
    /// - Returns: the number that the client gets.
    func notePrepared(_ id: UInt32, _ bytes: ByteBuffer, _ payload: Range<Int>, _ backend: BackendConnection) -> UInt32
    {
        guard let request = current else { return id }
        lastStatementID = freeStatementID(like: id)
        let parameters =
            bytes.getInteger(at: bytes.readerIndex + payload.lowerBound + 7, endianness: .little, as: UInt16.self) ?? 0
        let statement = PreparedStatement(summary: .unknown, parameterCount: Int(parameters))
        if request.isWhole, let text = request.text, statementBytes + text.readableBytes <= Self.statementBytesMax {
            // A copy: the slice would hold on to whatever the client sent along with it.
            statement.text = ByteBuffer(bytes: text.readableBytesView)
            statement.summary = summarize(request.packet)
            statementBytes += text.readableBytes
        }
        statement[backend] = .init(id: id)
        statements[lastStatementID] = statement
        return lastStatementID
    }

    /// The database's own number while no other statement of the client has it: commands then pass as they are. Otherwise one from
    /// beyond those that databases come to.
    private func freeStatementID(like id: UInt32) -> UInt32 {
        if id < Self.ownIDs.lowerBound, statements[id] == nil { return id }
        repeat {
            let isLast = lastOwnStatementID == Self.ownIDs.upperBound
            lastOwnStatementID = isLast ? Self.ownIDs.lowerBound : lastOwnStatementID + 1
        } while statements[lastOwnStatementID] != nil
        return lastOwnStatementID
    }

    static let ownIDs: ClosedRange<UInt32> = 0x4000_0000...0x7FFF_FFFF

    /// Prepares it there, again if it is prepared but its answers would leave out what the client does not have.
    func prepareAgain(_ statement: PreparedStatement, at backend: BackendConnection) {
        guard let text = statement.text else { return cannotPrepare(Self.mustBePrepared) }
        forget(statement, at: backend)
        var payload = ByteBuffer(bytes: [Command.prepare])
        payload.writeImmutableBuffer(text)
        backend.run(payload, shape: .prepared) { [self] answer in
            switch answer {
            case .prepared(let number, let definitions):
                statement[backend] = .init(id: number)
                guard keep(definitions, of: statement, at: backend) else {
                    forget(statement, at: backend)
                    return cannotPrepare(Self.mustBePrepared)
                }
                advance()
            case .error(let error):
                guard backend.isReplica else { return cannotPrepare(error) }
                current?.wantsLeader = true
                advance()
            case .value: close()
            }
        }
    }

    private static let mustBePrepared = ServerError(
        code: 1615, sqlState: "HY000", message: "Prepared statement needs to be re-prepared")

    /// - Returns: whether there is room for definitions that the client must be given.
    private func keep(_ definitions: ByteBuffer, of statement: PreparedStatement, at backend: BackendConnection) -> Bool
    {
        guard backend.capabilities.contains(.cachedMetadata), definitions.readableBytes > 0 else { return true }
        let columns = ColumnsDigest(packets: definitions)
        statement[backend]?.columns = columns
        guard columns != statement.columns else { return true }
        statement[backend]?.definitions = definitions
        return statements.values.reduce(0) { $0 + $1.definitionBytes } <= Self.statementBytesMax
    }

    private func cannotPrepare(_ error: ServerError) {
        // A piece of a long parameter has no answer; the execute that follows has.
        let isAnswered = current?.shape != nil
        finish { if isAnswered { $0.answerError(error.code, error.sqlState, error.message) } }
    }

    // MARK: Definitions of columns

    func makeReader(
        _ shape: ResponseShape, _ request: ClientCommand, _ backend: BackendConnection
    ) -> ResponseReader {
        guard request.statement != nil || request.command == Command.prepare,
            backend.capabilities.contains(.cachedMetadata)
        else { return ResponseReader(shape, capabilities: backend.capabilities) }
        var reader = ResponseReader(shape, capabilities: backend.capabilities, digestsColumns: true)
        reader.tellsOmissions = request.statement?.missingDefinitions(at: backend) != nil
        return reader
    }

    /// Completes an answer without definitions of columns for a client that has not got them; the packets after them get numbers to fit.
    ///
    /// - Parameter head: of the answer's packet that says that they are left out.
    func putDefinitionsIn(_ bytes: ByteBuffer, _ head: Range<Int>, _ backend: BackendConnection) {
        guard let definitions = current?.statement?.missingDefinitions(at: backend),
            var packet = bytes.getSlice(
                at: bytes.readerIndex + head.lowerBound - PacketFraming.headerBytes,
                length: head.count + PacketFraming.headerBytes)
        else { return close() }
        // The last byte says whether they follow.
        packet.setInteger(UInt8(1), at: packet.writerIndex - 1)
        let number = packet.getInteger(at: packet.readerIndex + 3, as: UInt8.self) ?? 1
        renumbering = FrameCounter(until: .none, numbersFrom: number)
        passOn(packet)
        passOn(definitions)
    }

    /// The answer has gone: the client has the definitions that were in it.
    func noteColumns(_ request: ClientCommand, _ backend: BackendConnection) {
        guard reader.columns != nil || renumbering != nil,
            let statement = request.command == Command.prepare ? statements[lastStatementID] : request.statement
        else { return }
        renumbering = nil
        if let told = reader.columns { statement[backend]?.columns = told }
        statement.columns = statement[backend]?.columns
        statement[backend]?.definitions = nil
    }

    // MARK: Numbers and types

    /// Puts the database's number into a command, and the parameters' types where that database has not had them.
    func address(
        _ packet: inout ByteBuffer, _ statement: PreparedStatement, _ command: UInt8, to backend: BackendConnection
    ) {
        guard let copy = statement[backend] else { return }
        let idAt = packet.readerIndex + Self.idOffset
        if packet.getInteger(at: idAt, endianness: .little, as: UInt32.self) != copy.id {
            packet.setInteger(copy.id, at: idAt, endianness: .little)
        }
        guard command == Command.execute, statement.parameterCount > 0, !copy.knowsTypes else { return }
        statement[backend]?.knowsTypes = true
        let flagAt = packet.readerIndex + Self.typesFlagOffset(statement.parameterCount)
        // In a command that is passed on in pieces nothing can be put in.
        guard current?.isWhole == true, let types = statement.types,
            packet.getInteger(at: flagAt, as: UInt8.self) == 0
        else { return }
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
    private func noteTypes(_ statement: PreparedStatement, _ packet: ByteBuffer) {
        let count = statement.parameterCount
        guard count > 0 else { return }
        let flagAt = packet.readerIndex + Self.typesFlagOffset(count)
        guard packet.getInteger(at: flagAt, as: UInt8.self) == 1,
            let types = packet.getSlice(at: flagAt + 1, length: count * 2)
        else { return }
        statement.note(types: types)
    }
}
