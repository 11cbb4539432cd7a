/// The type byte of a binlog event. Types that are not named here are carried like any other.
public struct BinlogEventType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let query = BinlogEventType(rawValue: 2)
    public static let stop = BinlogEventType(rawValue: 3)
    public static let rotate = BinlogEventType(rawValue: 4)
    public static let intvar = BinlogEventType(rawValue: 5)
    public static let rand = BinlogEventType(rawValue: 13)
    public static let userVariable = BinlogEventType(rawValue: 14)
    public static let formatDescription = BinlogEventType(rawValue: 15)
    public static let xid = BinlogEventType(rawValue: 16)
    public static let executeLoadQuery = BinlogEventType(rawValue: 18)
    public static let tableMap = BinlogEventType(rawValue: 19)
    public static let writeRowsV1 = BinlogEventType(rawValue: 23)
    public static let updateRowsV1 = BinlogEventType(rawValue: 24)
    public static let deleteRowsV1 = BinlogEventType(rawValue: 25)
    public static let incident = BinlogEventType(rawValue: 26)
    public static let heartbeat = BinlogEventType(rawValue: 27)
    public static let writeRows = BinlogEventType(rawValue: 30)
    public static let updateRows = BinlogEventType(rawValue: 31)
    public static let deleteRows = BinlogEventType(rawValue: 32)
    public static let xaPrepare = BinlogEventType(rawValue: 38)
    public static let annotateRows = BinlogEventType(rawValue: 160)
    public static let binlogCheckpoint = BinlogEventType(rawValue: 161)
    public static let gtid = BinlogEventType(rawValue: 162)
    public static let gtidList = BinlogEventType(rawValue: 163)
    public static let startEncryption = BinlogEventType(rawValue: 164)
    public static let queryCompressed = BinlogEventType(rawValue: 165)

    public var description: String { "binlog event type \(rawValue)" }

    /// Ends a standalone group (GTID plus one statement), as a replica's I/O thread decides it (sql/slave.cc, queue_event).
    var endsStandaloneGroup: Bool {
        switch self {
        case .query, .queryCompressed, .executeLoadQuery, .incident: true
        default: false
        }
    }

    /// Belongs to a transaction. The others describe files and connections (sql/log_event.h, is_group_event), and
    /// 33 to 35 are MySQL's, which MariaDB never writes.
    var isGroupEvent: Bool {
        switch self {
        case .stop, .rotate, .formatDescription, .heartbeat, .binlogCheckpoint, .gtidList, .startEncryption: false
        default: true
        }
    }
}
