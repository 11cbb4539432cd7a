import ClusterCore
import MariaDBWire
import NIOCore

/// From a client's bytes to a command with a plan.
extension ProxySession {
    /// Takes the next command of the input, if enough of it is there.
    ///
    /// - Returns: whether one was taken.
    func begin() -> Bool {
        guard let header = input.getInteger(at: input.readerIndex, endianness: .little, as: UInt32.self) else {
            return false
        }
        let count = Int(header & 0xFF_FFFF)
        guard header >> 24 == 0 else {
            answerError(1156, "08S01", "Got packets out of order")
            close()
            return false
        }
        guard count > 0 else {
            input.moveReaderIndex(forwardBy: PacketFraming.headerBytes)
            answerError(1047, "08S01", "Unknown command")
            return true
        }
        let isLarge = count > Self.inspectedBytesMax
        let needed = PacketFraming.headerBytes + (isLarge ? 64 : count)
        guard input.readableBytes >= needed,
            let command = input.getInteger(at: input.readerIndex + PacketFraming.headerBytes, as: UInt8.self)
        else { return false }
        var packet: ByteBuffer
        if isLarge {
            var counter = FrameCounter(until: .shortPacket, numbersFrom: compression == nil ? nil : 0)
            guard let part = counter.take(from: &input) else { return false }
            packet = part
            if !counter.isEnded { streaming = counter }
        } else {
            guard let whole = input.readSlice(length: needed) else { return false }
            packet = whole
        }
        if input.readableBytes == 0 { input = ByteBuffer() }
        if let compression {
            // The answer before it has numbers of its own.
            flushOwed()
            compression.commandBegins()
        }
        take(command, &packet, isWhole: !isLarge)
        return true
    }

    private func take(_ command: UInt8, _ packet: inout ByteBuffer, isWhole: Bool) {
        switch command {
        case Command.query:
            let summary = isWhole ? summarize(packet) : .unknown
            if summary.verb == .proxySetting { return takeSetting(summary) }
            if case .kill(let query, let id) = summary.verb { return kill(query: query, id: id, packet, summary) }
            plan(ClientCommand(command: command, packet: packet, summary: summary, shape: .results, isWhole: isWhole))
        case Command.prepare:
            var summary = isWhole ? summarize(packet) : .unknown
            let mayStay = summary.route == .replica || summary.route == .asBefore
            summary = StatementSummary(verb: .select, route: mayStay ? summary.route : .leader)
            plan(ClientCommand(command: command, packet: packet, summary: summary, shape: .prepared, isWhole: isWhole))
        case Command.execute, Command.bulkExecute, Command.fetch, Command.sendLongData, Command.resetStatement,
            Command.closeStatement:
            takePrepared(command, packet, isWhole: isWhole)
        case Command.ping: answerOK()
        case Command.quit: close()
        case Command.initDatabase:
            planPlain(command, packet, .anywhere)
        case Command.fieldList: planPlain(command, packet, .anywhere, .fields)
        case Command.statistics: planPlain(command, packet, .anywhere, .onePacket)
        case Command.processInfo: planPlain(command, packet, .anywhere)
        case Command.setOption, Command.resetConnection: planPlain(command, packet, .leader, .onePacket)
        case Command.refresh, Command.debug: planPlain(command, packet, .leader, .onePacket)
        case Command.processKill:
            let id = packet.getInteger(at: packet.readerIndex + 5, endianness: .little, as: UInt32.self) ?? 0
            var text = ByteBuffer(bytes: [Command.query])
            text.writeString("KILL \(id)")
            var whole = ByteBuffer()
            whole.writePacket(text, sequence: 0)
            kill(query: false, id: UInt64(id), whole, summarize(whole))
        case Command.changeUser: changeUser(packet)
        default: answerError(1047, "08S01", "Unknown command")
        }
    }

    private func planPlain(
        _ command: UInt8, _ packet: ByteBuffer, _ route: StatementRoute, _ shape: ResponseShape = .results
    ) {
        plan(
            ClientCommand(
                command: command, packet: packet, summary: StatementSummary(verb: .other, route: route), shape: shape))
    }

    func plan(_ request: ClientCommand) {
        if hasLostState, request.summary.effects.contains(.userVariables) { return close() }
        current = request
        isWaitOver = false
        advance()
    }

    /// What the text of a COM_QUERY or COM_STMT_PREPARE says.
    func summarize(_ packet: ByteBuffer) -> StatementSummary {
        let dialect = state.dialect
        let isAmbiguous = hasAmbiguousCharacterSet
        return packet.withUnsafeReadableBytes { bytes in
            let text = UnsafeRawBufferPointer(rebasing: bytes[(PacketFraming.headerBytes + 1)...])
            // In these a quote or backslash may be half of another character.
            if isAmbiguous, text.contains(where: { $0 >= 0x80 }) { return .unknown }
            return StatementClassifier.summarize(text, dialect: dialect)
        }
    }

    private var hasAmbiguousCharacterSet: Bool {
        if let names = state.names {
            let text = names.value.lowercased()
            return Self.ambiguousNames.contains { text.contains($0) } || !text.contains("utf8")
        }
        if let set = state.variables["character_set_client"]?.value { return Self.ambiguousNames.contains(set) }
        return Self.ambiguousIDs.contains(hello?.characterSet ?? 45)
    }

    private static let ambiguousNames = ["big5", "cp932", "gbk", "sjis", "gb18030"]
    private static let ambiguousIDs: Set<UInt8> = [1, 84, 13, 88, 95, 96, 28, 87, 248, 249, 250]

    // MARK: What the proxy does itself

    private func takeSetting(_ summary: StatementSummary) {
        if let text = summary.consistency {
            guard let wanted = ReadConsistency(rawValue: text.lowercased()) else {
                return answerError(
                    1231, "42000",
                    "Variable 'wolfscale_consistency' can't be set to the value of '\(text.prefix(64))'; "
                        + "there are eventual, causal and leader")
            }
            state.consistency = wanted
        }
        if let text = summary.after {
            guard let position = Self.position(text) else {
                return answerError(
                    1231, "42000",
                    "Variable 'wolfscale_after' can't be set to the value of '\(text.prefix(64))'; "
                        + "wanted: a GTID as '0-1-42'")
            }
            state.token.advance(to: position)
        }
        answerOK()
    }
}
