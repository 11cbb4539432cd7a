import ClusterCore
import Foundation
import NIOCore
import WriteAheadLog

extension Entry {
    static var noOp: Entry { Entry(kind: .noOp, part: nil, gtid: nil, source: nil, body: ByteBuffer()) }

    init(membership: Membership) throws {
        self.init(
            kind: .membership, part: nil, gtid: nil, source: nil,
            body: ByteBuffer(bytes: try JSONEncoder().encode(membership)))
    }
}

extension Membership {
    /// Reads the body of a membership entry.
    init(entryBody body: ByteBuffer) throws {
        self = try JSONDecoder().decode(Membership.self, from: Data(body.readableBytesView))
    }
}

extension StoredMembership {
    init(lsn: LSN, membership: Membership) throws {
        self.init(lsn: lsn, body: ByteBuffer(bytes: try JSONEncoder().encode(membership)))
    }
}

extension MembershipRecord {
    init(_ record: StoredMembership, term: Term) throws {
        self.init(
            position: LogPosition(lsn: record.lsn, term: term), membership: try Membership(entryBody: record.body))
    }
}

extension BatchDescriptor {
    /// What Raft has to know of a batch that came from a leader.
    init(_ batch: Batch) throws {
        var membership: Membership?
        if batch.kind == .membership, let entry = try batch.entries().first {
            membership = try Membership(entryBody: entry.body)
        }
        self.init(
            first: batch.first, count: batch.count, term: batch.term, bytes: batch.bytes.readableBytes,
            membership: membership)
    }
}

/// What goes over a control connection: a word of Raft's, or a report for `/cluster`.
enum PeerPayload {
    private static let raftTag: UInt8 = 1
    private static let reportTag: UInt8 = 2
    private static let tokensTag: UInt8 = 3

    case raft(ByteBuffer)
    case report(ByteBuffer)
    /// All of the HTTP API's tokens, for a member whose reports say that it knows others.
    case tokens(ByteBuffer)

    static func encode(raft message: ByteBuffer) -> ByteBuffer { tagged(raftTag, message) }
    static func encode(report: ByteBuffer) -> ByteBuffer { tagged(reportTag, report) }
    static func encode(tokens: ByteBuffer) -> ByteBuffer { tagged(tokensTag, tokens) }

    init?(_ payload: ByteBuffer) {
        var payload = payload
        switch payload.readInteger(as: UInt8.self) {
        case Self.raftTag: self = .raft(payload)
        case Self.reportTag: self = .report(payload)
        case Self.tokensTag: self = .tokens(payload)
        default: return nil
        }
    }

    private static func tagged(_ tag: UInt8, _ body: ByteBuffer) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(1 + body.readableBytes)
        buffer.writeInteger(tag)
        buffer.writeImmutableBuffer(body)
        return buffer
    }
}
