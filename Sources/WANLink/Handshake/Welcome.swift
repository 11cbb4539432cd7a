import ClusterCore
import NIOCore

/// The accepting side's yes to a ``PeerHello``.
///
/// Layout, integers in network order: protocol u16, features u64, number u16 (0 = none yet), node id as length u16 and
/// UTF-8. Bytes after that are from a later release and are skipped.
struct Welcome: Sendable, Equatable {
    /// The highest version that both sides speak.
    var protocolVersion: UInt16
    /// What both sides offer.
    var features: LinkFeatures
    var number: NodeNumber?
    var id: String

    init(protocolVersion: UInt16, features: LinkFeatures, number: NodeNumber?, id: String) {
        self.protocolVersion = protocolVersion
        self.features = features
        self.number = number
        self.id = id
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(protocolVersion, features.rawValue, number?.rawValue ?? 0)
        buffer.writeShortString(id)
    }

    init(from buffer: inout ByteBuffer) throws(HandshakeError) {
        guard let (version, features, number) = buffer.readMultipleIntegers(as: (UInt16, UInt64, UInt16).self),
            let id = buffer.readShortString(), PeerHello.supportedProtocols.contains(version)
        else { throw .malformed("welcome") }
        self.protocolVersion = version
        self.features = LinkFeatures(rawValue: features)
        self.number = NodeNumber(rawValue: number)
        self.id = id
    }
}
