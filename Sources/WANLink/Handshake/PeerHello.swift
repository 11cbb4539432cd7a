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
}

/// Optional parts of the protocol; a connection uses those that both sides offer.
public struct LinkFeatures: OptionSet, Sendable, Hashable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// What this release offers: nothing yet.
    static let supported: LinkFeatures = []
}

/// The first frame on every connection, from the side that dialled.
///
/// Layout, integers in network order: protocol min u16, protocol max u16, features u64, purpose u8, from u16 (0 = has
/// no number yet), to u16 (0 = whoever answers), cluster id and node id each as length u16 and UTF-8. Bytes after that
/// are from a later release and are skipped.
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
    }

    init(
        purpose: ConnectionPurpose, clusterID: String, number: NodeNumber?, id: String, to: NodeNumber?
    ) {
        self.purpose = purpose
        self.clusterID = clusterID
        self.number = number
        self.id = id
        self.to = to
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
    }
}

extension NodeNumber {
    fileprivate static func onWire(_ value: UInt16) throws(HandshakeError) -> NodeNumber? {
        guard value != 0 else { return nil }
        guard let number = NodeNumber(rawValue: value) else { throw .malformed("hello: node number \(value)") }
        return number
    }
}
