import MariaDBWire
import NIOCore

/// KILL by the number that a client of the proxy sees in its greeting; numbers of the server's own pass as they are.
extension ProxySession {
    /// Where a session can be killed.
    struct Target: Sendable {
        var threadID: UInt32
        var isAtReplica: Bool
    }

    func kill(query: Bool, id: UInt64, _ packet: ByteBuffer, _ summary: StatementSummary) {
        let request = ClientCommand(command: Command.query, packet: packet, summary: summary, shape: .results)
        guard let id = UInt32(exactly: id), let other = worker.shared.session(id) else { return plan(request) }
        // Nothing else of this client is taken meanwhile.
        current = request
        current?.isSent = true
        other.eventLoop.submit { other.killTarget }.hop(to: eventLoop).whenComplete { [self] result in
            guard phase == .ready, current != nil else { return }
            guard case .success(let target?) = result, let range = summary.idRange, let text = request.text,
                let before = text.getSlice(at: text.readerIndex, length: range.lowerBound),
                let after = text.getSlice(
                    at: text.readerIndex + range.upperBound, length: text.readableBytes - range.upperBound)
            else { return finish { $0.answerError(1094, "HY000", "Unknown thread id: \(id)") } }
            var payload = ByteBuffer(bytes: [Command.query])
            payload.writeImmutableBuffer(before)
            payload.writeString("\(target.threadID)")
            payload.writeImmutableBuffer(after)
            var rewritten = ByteBuffer()
            rewritten.writePacket(payload, sequence: 0)
            current?.packet = rewritten
            current?.isSent = false
            if target.isAtReplica { current?.summary = StatementSummary(verb: .select, route: .replica) }
            if !query {
                current?.victim = other
                other.eventLoop.execute { other.expectKill() }
            }
            advance()
        }
    }

    /// If its connection ends now, it was killed, and the client's ends with it.
    func expectKill() {
        isKilled = true
        eventLoop.scheduleTask(in: Self.grace) { [weak self] in self?.isKilled = false }
    }

    /// A server has taken the KILL: the client's connection ends, whatever becomes of the server's. One under way is given
    /// the time to bring the server's own words.
    func killed() {
        guard answering != nil else { return close() }
        isKilled = true
        eventLoop.scheduleTask(in: Self.grace) { [weak self] in self?.close() }
    }

    private var killTarget: Target? {
        if let answering { return Target(threadID: answering.threadID, isAtReplica: answering.isReplica) }
        return (leader ?? replica).map { Target(threadID: $0.threadID, isAtReplica: $0.isReplica) }
    }
}
