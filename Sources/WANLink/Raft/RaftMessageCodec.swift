import ClusterCore
import NIOCore

/// Why bytes from a peer are no Raft message.
public enum RaftMessageError: Error, Hashable, CustomStringConvertible {
    case truncated(reading: String)
    case unknownVersion(UInt8)
    case unknownKind(UInt8)
    case unknownValue(field: String, UInt8)
    case outOfRange(field: String, UInt64)
    case tooManyBatches(UInt32)
    case trailingBytes(Int)

    public var description: String {
        switch self {
        case .truncated(let field): "the message ends inside \(field)"
        case .unknownVersion(let version): "message version \(version) is not known: the peer runs a newer release"
        case .unknownKind(let kind): "message kind \(kind) is not known"
        case .unknownValue(let field, let value): "\(field) can't be \(value)"
        case .outOfRange(let field, let value): "\(field) \(value) is beyond any that can be"
        case .tooManyBatches(let count): "\(count) batches are more than a message may carry"
        case .trailingBytes(let count): "\(count) bytes follow the message"
        }
    }
}

/// Raft's messages as bytes. Integers in network order; first a version byte and a kind byte, then the fields in the
/// order of the types in ClusterCore.
///
/// An append carries its batches as the bytes that lie in the log, each behind its length as u32; what they say of
/// themselves is read from them and not repeated.
public enum RaftMessageCodec {
    static let version: UInt8 = 1
    public static let batchesMax: UInt32 = 4096

    enum Kind: UInt8, CaseIterable {
        case voteRequest = 1, voteReply, append, appendReply, heartbeat, heartbeatReply, timeoutNow
    }

    /// What a message said, and the batches that came with it.
    public struct Decoded: Sendable {
        /// Of an append, `batches` is empty: the receiver fills it from the bytes.
        public var message: RaftMessage
        public var batches: [ByteBuffer]
    }

    // MARK: Writing

    /// - Parameter message: Of an append only the head is written; its batches go beside it with
    ///   ``encodeAppend(_:batches:)``.
    public static func encode(_ message: RaftMessage) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(64)
        buffer.writeInteger(version)
        switch message {
        case .voteRequest(let request):
            buffer.writeKind(.voteRequest)
            buffer.writeMultipleIntegers(request.round.rawValue, UInt8(request.isPreVote ? 1 : 0))
            buffer.write(request.last)
            buffer.writeInteger(UInt8(request.overridesLeader ? 1 : 0))
        case .voteReply(let reply):
            buffer.writeKind(.voteReply)
            buffer.writeMultipleIntegers(
                reply.term.rawValue, reply.round.rawValue, UInt8(reply.isPreVote ? 1 : 0), reply.refusal?.rawValue ?? 0)
        case .append(let append):
            writeHead(term: append.term, prev: append.prev, commit: append.commit, batches: 0, to: &buffer)
        case .appendReply(let reply):
            buffer.writeKind(.appendReply)
            buffer.writeInteger(reply.term.rawValue)
            switch reply.verdict {
            case .accepted(let durable, let received):
                buffer.writeMultipleIntegers(UInt8(0), durable.rawValue, received.rawValue)
            case .rejected(let prev, let runs, let last):
                buffer.writeMultipleIntegers(UInt8(1), prev.rawValue, last.rawValue, UInt16(clamping: runs.count))
                for run in runs.prefix(Int(UInt16.max)) {
                    buffer.writeMultipleIntegers(run.first.rawValue, run.term.rawValue)
                }
            }
        case .heartbeat(let beat):
            buffer.writeKind(.heartbeat)
            buffer.writeMultipleIntegers(beat.term.rawValue, beat.commit.rawValue, beat.sentAt.nanoseconds)
        case .heartbeatReply(let reply):
            buffer.writeKind(.heartbeatReply)
            buffer.writeMultipleIntegers(
                reply.term.rawValue, reply.sentAt.nanoseconds, reply.durable.rawValue, reply.received.rawValue,
                UInt8(reply.mayLead ? 1 : 0))
        case .timeoutNow(let request):
            buffer.writeKind(.timeoutNow)
            buffer.writeInteger(request.term.rawValue)
        }
        return buffer
    }

    /// An append with its batches, in parts that are sent one after the other without being copied together.
    public static func encodeAppend(_ request: AppendRequest, batches: [ByteBuffer]) -> [ByteBuffer] {
        encodeAppend(
            AppendEntries(term: request.term, prev: request.prev, batches: [], commit: request.commit),
            batches: batches.map { [$0] })
    }

    /// The same from a message's head alone; a batch may be in several parts.
    public static func encodeAppend(_ request: AppendEntries, batches: [[ByteBuffer]]) -> [ByteBuffer] {
        var head = ByteBuffer()
        head.reserveCapacity(64)
        head.writeInteger(version)
        writeHead(
            term: request.term, prev: request.prev, commit: request.commit, batches: UInt32(batches.count), to: &head)
        var parts: [ByteBuffer] = []
        parts.reserveCapacity(batches.count * 2 + 1)
        for batch in batches {
            head.writeInteger(UInt32(batch.reduce(0) { $0 + $1.readableBytes }))
            parts.append(head)
            parts += batch
            head = ByteBuffer()
        }
        if batches.isEmpty { parts.append(head) }
        return parts
    }

    private static func writeHead(
        term: Term, prev: LogPosition, commit: LSN, batches: UInt32, to buffer: inout ByteBuffer
    ) {
        buffer.writeKind(.append)
        buffer.writeInteger(term.rawValue)
        buffer.write(prev)
        buffer.writeMultipleIntegers(commit.rawValue, batches)
    }

    // MARK: Reading

    public static func decode(_ payload: ByteBuffer) throws(RaftMessageError) -> Decoded {
        var buffer = payload
        let version = try buffer.byte("version")
        guard version == Self.version else { throw .unknownVersion(version) }
        let number = try buffer.byte("kind")
        guard let kind = Kind(rawValue: number) else { throw .unknownKind(number) }
        var batches: [ByteBuffer] = []
        let message: RaftMessage
        switch kind {
        case .voteRequest:
            message = .voteRequest(
                VoteRequest(
                    round: try buffer.term(), isPreVote: try buffer.flag("isPreVote"), last: try buffer.position(),
                    overridesLeader: try buffer.flag("overridesLeader")))
        case .voteReply:
            message = .voteReply(
                VoteReply(
                    term: try buffer.term(), round: try buffer.term(), isPreVote: try buffer.flag("isPreVote"),
                    refusal: try buffer.refusal()))
        case .append:
            message = .append(
                AppendEntries(
                    term: try buffer.term(), prev: try buffer.position(), batches: [], commit: try buffer.lsn("commit"))
            )
            batches = try buffer.batches()
        case .appendReply: message = .appendReply(AppendReply(term: try buffer.term(), verdict: try buffer.verdict()))
        case .heartbeat:
            message = .heartbeat(
                Heartbeat(term: try buffer.term(), commit: try buffer.lsn("commit"), sentAt: try buffer.instant()))
        case .heartbeatReply:
            message = .heartbeatReply(
                HeartbeatReply(
                    term: try buffer.term(), sentAt: try buffer.instant(), durable: try buffer.lsn("durable"),
                    received: try buffer.lsn("received"), mayLead: try buffer.flag("mayLead")))
        case .timeoutNow: message = .timeoutNow(TimeoutNow(term: try buffer.term()))
        }
        guard buffer.readableBytes == 0 else { throw .trailingBytes(buffer.readableBytes) }
        return Decoded(message: message, batches: batches)
    }
}

extension ByteBuffer {
    fileprivate mutating func writeKind(_ kind: RaftMessageCodec.Kind) { writeInteger(kind.rawValue) }
    fileprivate mutating func write(_ position: LogPosition) {
        writeMultipleIntegers(position.lsn.rawValue, position.term.rawValue)
    }

    fileprivate mutating func byte(_ field: String) throws(RaftMessageError) -> UInt8 {
        guard let value = readInteger(as: UInt8.self) else { throw .truncated(reading: field) }
        return value
    }
    fileprivate mutating func number(_ field: String) throws(RaftMessageError) -> UInt64 {
        guard let value = readInteger(as: UInt64.self) else { throw .truncated(reading: field) }
        return value
    }
    fileprivate mutating func flag(_ field: String) throws(RaftMessageError) -> Bool {
        let value = try byte(field)
        guard value <= 1 else { throw .unknownValue(field: field, value) }
        return value == 1
    }
    fileprivate mutating func term() throws(RaftMessageError) -> Term {
        let term = Term(try number("term"))
        guard term <= .limit else { throw .outOfRange(field: "term", term.rawValue) }
        return term
    }
    fileprivate mutating func lsn(_ field: String) throws(RaftMessageError) -> LSN {
        let lsn = LSN(try number(field))
        guard lsn <= .limit else { throw .outOfRange(field: field, lsn.rawValue) }
        return lsn
    }
    fileprivate mutating func instant() throws(RaftMessageError) -> Instant {
        Instant(nanoseconds: try number("sentAt"))
    }
    fileprivate mutating func position() throws(RaftMessageError) -> LogPosition {
        LogPosition(lsn: try lsn("lsn"), term: try term())
    }
    fileprivate mutating func refusal() throws(RaftMessageError) -> VoteRefusal? {
        let value = try byte("refusal")
        if value == 0 { return nil }
        guard let refusal = VoteRefusal(rawValue: value) else { throw .unknownValue(field: "refusal", value) }
        return refusal
    }
    fileprivate mutating func verdict() throws(RaftMessageError) -> AppendReply.Verdict {
        let value = try byte("verdict")
        switch value {
        case 0: return .accepted(durable: try lsn("durable"), received: try lsn("received"))
        case 1:
            let (prev, last) = (try lsn("prev"), try lsn("last"))
            guard let count = readInteger(as: UInt16.self) else { throw .truncated(reading: "runs") }
            var runs: [TermRun] = []
            for _ in 0..<count { runs.append(TermRun(first: try lsn("run"), term: try term())) }
            return .rejected(prev: prev, runs: runs, last: last)
        default: throw .unknownValue(field: "verdict", value)
        }
    }
    fileprivate mutating func batches() throws(RaftMessageError) -> [ByteBuffer] {
        guard let count = readInteger(as: UInt32.self) else { throw .truncated(reading: "batches") }
        guard count <= RaftMessageCodec.batchesMax else { throw .tooManyBatches(count) }
        var batches: [ByteBuffer] = []
        for _ in 0..<count {
            guard let length = readInteger(as: UInt32.self), let batch = readSlice(length: Int(length)) else {
                throw .truncated(reading: "a batch")
            }
            batches.append(batch)
        }
        return batches
    }
}
