import NIOCore

/// The common header of every binlog event, 19 bytes, little-endian:
///
///     0  timestamp   u32   0 in artificial events
///     4  type        u8
///     5  server id   u32
///     9  length      u32   of the whole event, this header and the CRC32 trailer included
///     13 log_pos     u32   the event's end in its binlog file, modulo 2^32; 0 in some artificial events
///     17 flags       u16
public struct BinlogEventHeader: Hashable, Sendable {
    public static let bytes = 19
    public static let checksumBytes = 4
    /// Set by a server in events that lie in no file.
    public static let artificialFlag: UInt16 = 0x20
    /// Set in the FORMAT_DESCRIPTION event of a file that is being written, or was when its server died.
    public static let inUseFlag: UInt16 = 0x01
    /// Who does not know the type may leave the event out.
    public static let ignorableFlag: UInt16 = 0x80

    public var timestamp: UInt32
    public var type: BinlogEventType
    public var serverID: UInt32
    public var length: UInt32
    public var logPosition: UInt32
    public var flags: UInt16

    public init(
        timestamp: UInt32 = 0, type: BinlogEventType, serverID: UInt32, length: UInt32, logPosition: UInt32,
        flags: UInt16
    ) {
        self.timestamp = timestamp
        self.type = type
        self.serverID = serverID
        self.length = length
        self.logPosition = logPosition
        self.flags = flags
    }

    /// Reads the header at `index` without moving the reader index; nil when fewer than 19 bytes are there.
    public init?(_ buffer: ByteBuffer, at index: Int) {
        guard
            let (timestamp, type, serverID, length, logPosition, flags) = buffer.getMultipleIntegers(
                at: index, endianness: .little, as: (UInt32, UInt8, UInt32, UInt32, UInt32, UInt16).self)
        else { return nil }
        self.timestamp = timestamp
        self.type = BinlogEventType(rawValue: type)
        self.serverID = serverID
        self.length = length
        self.logPosition = logPosition
        self.flags = flags
    }

    public var isArtificial: Bool { flags & Self.artificialFlag != 0 }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(
            timestamp, type.rawValue, serverID, length, logPosition, flags, endianness: .little)
    }
}
