import ClusterCore
import NIOCore

/// What an entry of the replicated log is.
public enum EntryKind: UInt8, Sendable, CaseIterable {
    case noOp, membership, transaction, fragment
}

/// Which part of its transaction a fragment is. A fragmented transaction has one first, any number of middles, one
/// last.
public enum FragmentPart: UInt8, Sendable, CaseIterable {
    case first, middle, last
}

/// Binlog coordinates at the primary that wrote a transaction: where the transaction ends.
public struct SourcePosition: Hashable, Sendable {
    /// The binlog's base name, at most 255 bytes of UTF-8.
    public var file: String
    public var offset: UInt64

    public init(file: String, offset: UInt64) {
        self.file = file
        self.offset = offset
    }
}

/// One entry of the replicated log.
public struct Entry: Hashable, Sendable {
    public var kind: EntryKind
    /// Of a fragment only.
    public var part: FragmentPart?
    /// Of a transaction and of each of its fragments.
    public var gtid: GTID?
    public var source: SourcePosition?
    /// Raw binlog events (transaction, fragment), JSON (membership), nothing (no-op).
    public var body: ByteBuffer

    public init(
        kind: EntryKind, part: FragmentPart? = nil, gtid: GTID? = nil, source: SourcePosition? = nil, body: ByteBuffer
    ) {
        self.kind = kind
        self.part = part
        self.gtid = gtid
        self.source = source
        self.body = body
    }

    public static var noOp: Entry { Entry(kind: .noOp, body: ByteBuffer()) }
    public static func membership(_ json: ByteBuffer) -> Entry { Entry(kind: .membership, body: json) }
    public static func transaction(_ gtid: GTID, source: SourcePosition? = nil, events: ByteBuffer) -> Entry {
        Entry(kind: .transaction, gtid: gtid, source: source, body: events)
    }
    public static func fragment(
        _ part: FragmentPart, of gtid: GTID, source: SourcePosition? = nil, events: ByteBuffer
    ) -> Entry {
        Entry(kind: .fragment, part: part, gtid: gtid, source: source, body: events)
    }
}
