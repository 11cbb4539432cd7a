import ClusterCore

/// One line of SHOW ALL SLAVES STATUS. What a version does not tell stays nil or empty.
public struct ReplicaChannel: Sendable, Hashable {
    public enum IOState: String, Sendable, Hashable {
        case running = "Yes"
        case connecting = "Connecting"
        case preparing = "Preparing"
        case stopped = "No"
    }

    public struct Failure: Sendable, Hashable {
        public var errno: UInt32
        public var message: String
    }

    /// Empty for the default channel.
    public var name: String
    public var source: String
    public var io: IOState
    public var isApplying: Bool
    public var ioFailure: Failure?
    public var sqlFailure: Failure?
    /// Nil when the server does not know, as when it is stopped.
    public var secondsBehind: UInt64?
    /// `Gtid_IO_Pos`: received, not necessarily applied.
    public var receivedPosition: GTIDPosition?
    /// `Gtid_Slave_Pos`
    public var appliedPosition: GTIDPosition?
    public var ioStateText: String
    public var sqlStateText: String

    public var isRunning: Bool { io == .running && isApplying }

    /// Reads a row by its column names.
    public init(_ row: [String: String]) {
        name = row["Connection_name"] ?? ""
        source = "\(row["Master_Host"] ?? ""):\(row["Master_Port"] ?? "")"
        io = row["Slave_IO_Running"].flatMap { IOState(rawValue: $0) } ?? .stopped
        isApplying = row["Slave_SQL_Running"] == "Yes"
        ioFailure = ReplicaChannel.failure(row["Last_IO_Errno"], row["Last_IO_Error"])
        sqlFailure = ReplicaChannel.failure(row["Last_SQL_Errno"], row["Last_SQL_Error"])
        secondsBehind = row["Seconds_Behind_Master"].flatMap { UInt64($0) }
        receivedPosition = row["Gtid_IO_Pos"].flatMap { GTIDPosition($0) }
        appliedPosition = row["Gtid_Slave_Pos"].flatMap { GTIDPosition($0) }
        ioStateText = row["Slave_IO_State"] ?? ""
        sqlStateText = row["Slave_SQL_Running_State"] ?? ""
    }

    private static func failure(_ errno: String?, _ message: String?) -> Failure? {
        guard let errno = errno.flatMap({ UInt32($0) }), errno != 0 else { return nil }
        return Failure(errno: errno, message: message ?? "")
    }
}
