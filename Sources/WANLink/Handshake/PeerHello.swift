import ClusterCore
import NIOCore

/// What a connection is for. The numbers are on the wire.
public enum ConnectionPurpose: UInt8, Sendable, CaseIterable {
    /// Votes, heartbeats, acknowledgements: small frames that never wait behind bulk ones.
    case control = 1
    /// Batches of the log.
    case bulk = 2
    /// One request and its answer, from a node that need not belong to the cluster yet.
    case request = 3
    /// A client's conversation with this node's database: bytes in both directions.
    case tunnel = 4
}

/// Optional parts of the protocol; a connection uses those that both sides offer.
public struct LinkFeatures: OptionSet, Sendable, Hashable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Bulk goes in numbered frames over the streams of a session, against credit. Needed.
    static let bulkSessions = LinkFeatures(rawValue: 1 << 0)
    /// Bulk frames may hold pieces of a zstd stream.
    static let zstd = LinkFeatures(rawValue: 1 << 1)

    /// Connections may be tunnels to the database.
    static let tunnels = LinkFeatures(rawValue: 1 << 2)

    /// Appends may hold groups of batches in place of single ones (decision 17).
    static let batchGroups = LinkFeatures(rawValue: 1 << 3)

    static let supported: LinkFeatures = [.bulkSessions, .zstd, .tunnels, .batchGroups]
}

/// Which stream of which session a bulk connection is.
struct BulkStream: Sendable, Equatable {
    /// Chosen at random by the sender; new after each break.
    var session: UInt64
    /// From 0.
    var index: UInt8
    /// How many streams the session has.
    var count: UInt8

    static let countMax = 16
}

/// The first frame on every connection, from the side that dialled.
///
/// Layout, integers in network order: protocol min u16, protocol max u16, features u64, purpose u8, from u16 (0 = has
/// no number yet), to u16 (0 = whoever answers), cluster id and node id each as length u16 and UTF-8; for bulk the session
/// u64, the stream's index u8 and their number u8. Bytes after that are from a later release and are skipped.
public struct PeerHello: Sendable, Equatable {
    /// The protocol versions that the sender speaks.
    public var protocols: ClosedRange<UInt16> = PeerHello.supportedProtocols
    public var features: LinkFeatures = .supported
    public var purpose: ConnectionPurpose
    /// Empty when the sender does not belong to a cluster yet.
    public var clusterID: String
    public var number: NodeNumber?
    /// The sender's configured `node.id`.
    public var id: String
    /// Whom the sender believes it dialled.
    public var to: NodeNumber?
    /// Of a bulk connection.
    var stream: BulkStream?
    /// Where the connection comes from, `host:port`. Filled in by the receiver, not on the wire.
    public var remoteAddress = ""
    /// What the sender showed in the TLS handshake. Filled in by the receiver, not on the wire.
    public var certificate: CertificateDetails?

    static let supportedProtocols: ClosedRange<UInt16> = 1...1
    static let byteCountMax = 16 << 10

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(
            protocols.lowerBound, protocols.upperBound, features.rawValue, purpose.rawValue, number?.rawValue ?? 0,
            to?.rawValue ?? 0)
        buffer.writeShortString(clusterID)
        buffer.writeShortString(id)
        if let stream { buffer.writeMultipleIntegers(stream.session, stream.index, stream.count) }
    }

    init(
        purpose: ConnectionPurpose, clusterID: String, number: NodeNumber?, id: String, to: NodeNumber?,
        stream: BulkStream? = nil
    ) {
        self.purpose = purpose
        self.clusterID = clusterID
        self.number = number
        self.id = id
        self.to = to
        self.stream = stream
    }

    init(from buffer: inout ByteBuffer) throws(HandshakeError) {
        guard
            let (low, high, features, purpose, from, to) = buffer.readMultipleIntegers(
                as: (UInt16, UInt16, UInt64, UInt8, UInt16, UInt16).self), low <= high,
            let clusterID = buffer.readShortString(), let id = buffer.readShortString()
        else { throw .malformed("hello") }
        guard let purpose = ConnectionPurpose(rawValue: purpose) else { throw .unknownPurpose(purpose) }
        self.protocols = low...high
        self.features = LinkFeatures(rawValue: features)
        self.purpose = purpose
        self.number = try NodeNumber.onWire(from)
        self.to = try NodeNumber.onWire(to)
        self.clusterID = clusterID
        self.id = id
        if self.purpose == .bulk { stream = try BulkStream(from: &buffer) }
    }
}

extension BulkStream {
    /// Nil when nothing follows: the caller's release knows no sessions.
    fileprivate init?(from buffer: inout ByteBuffer) throws(HandshakeError) {
        guard let (session, index, count) = buffer.readMultipleIntegers(as: (UInt64, UInt8, UInt8).self) else {
            return nil
        }
        guard index < count, count <= BulkStream.countMax else {
            throw .malformed("hello: stream \(index) of \(count)")
        }
        self.init(session: session, index: index, count: count)
    }
}

extension NodeNumber {
    fileprivate static func onWire(_ value: UInt16) throws(HandshakeError) -> NodeNumber? {
        guard value != 0 else { return nil }
        guard let number = NodeNumber(rawValue: value) else { throw .malformed("hello: node number \(value)") }
        return number
    }
}
