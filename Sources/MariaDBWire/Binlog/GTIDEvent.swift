import ClusterCore
import NIOCore

/// The head of a transaction (type 162): its post-header is sequence u64, domain u32, flags u8; more may follow.
public struct GTIDEvent: Hashable, Sendable {
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// One statement follows, without COMMIT or XID.
        public static let standalone = Flags(rawValue: 1)
        public static let groupCommit = Flags(rawValue: 2)
        public static let transactional = Flags(rawValue: 4)
        public static let allowParallel = Flags(rawValue: 8)
        public static let waited = Flags(rawValue: 16)
        public static let ddl = Flags(rawValue: 32)
        public static let preparedXA = Flags(rawValue: 64)
        public static let completedXA = Flags(rawValue: 128)
    }

    public var gtid: GTID
    public var flags: Flags

    /// - Parameter body: what follows the common header.
    public init?(header: BinlogEventHeader, body: ByteBuffer) {
        guard header.type == .gtid,
            let (sequence, domain, flags) = body.getMultipleIntegers(
                at: body.readerIndex, endianness: .little, as: (UInt64, UInt32, UInt8).self)
        else { return nil }
        gtid = GTID(domain: domain, server: header.serverID, sequence: sequence)
        self.flags = Flags(rawValue: flags)
    }
}
