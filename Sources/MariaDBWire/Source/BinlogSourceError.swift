/// Why a ``BinlogSource`` could not be opened, or ended.
public struct BinlogSourceError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable {
        /// Nothing listens there, or the name does not resolve.
        case cannotConnect
        /// The server took the connection and did not answer in time, or fell silent later.
        case timedOut
        /// The server refused the login (errno 1045 and its like).
        case authenticationRefused
        /// The account uses an authentication method that this client does not speak.
        case authenticationUnsupported
        /// The account lacks REPLICATION SLAVE (or REPLICA) rights.
        case privilegeMissing
        /// log_bin is off.
        case binlogOff
        /// The binlog, or one of its files, carries no CRC32 checksums.
        case checksumsOff
        /// Semi-sync was asked for and the server's events do not have its header.
        case semiSyncRefused
        /// Binlog files that the start position needs are gone.
        case positionPurged
        /// The server has never had the GTID of the start position.
        case positionUnknown
        /// The server has other transactions with the same or higher sequence numbers.
        case positionDiverged
        /// Another replica with the same server id has taken the server's dump thread.
        case replaced
        /// An event's checksum is wrong.
        case corruptEvent
        /// The server sent what the protocol does not allow.
        case protocolViolation
        /// Any other error message of the server.
        case serverError
        /// The server ended the stream: shutdown, KILL, crash or network.
        case disconnected
    }

    public let code: Code
    public let message: String
    /// The server's own words, when it gave some.
    public let server: ServerError?

    init(_ code: Code, _ message: String, server: ServerError? = nil) {
        self.code = code
        self.message = message
        self.server = server
    }

    init(_ error: WireError) { self.init(.protocolViolation, error.description) }

    public var description: String {
        let words = server.map { ": \($0)" } ?? ""
        return "\(message)\(words). \(remedy)"
    }

    /// What to do about it.
    public var remedy: String {
        switch code {
        case .cannotConnect: "Check that mariadbd runs and listens at this address"
        case .timedOut: "Check the server's load and the network to it; connecting again is safe"
        case .authenticationRefused: "Check the account, its password and the host it may log in from"
        case .authenticationUnsupported:
            "Let the account log in with mysql_native_password, or over the socket with unix_socket"
        case .privilegeMissing: "GRANT REPLICATION SLAVE, REPLICATION MASTER ADMIN ON *.* to the account"
        case .binlogOff: "Start the server with log_bin and log_slave_updates"
        case .checksumsOff: "SET GLOBAL binlog_checksum=CRC32, and start after the files written before that"
        case .semiSyncRefused: "Use a MariaDB server that knows semi-sync replication (10.3 or later)"
        case .positionPurged: "Provision the followers from this server, and keep its binlogs longer"
        case .positionUnknown: "The server lacks transactions of the log: refill or provision it before it leads"
        case .positionDiverged: "The server has transactions that the log has not: export them and provision it anew"
        case .replaced: "Give each replica its own server id and run one agent for each server"
        case .corruptEvent: "Connect again; if it stays, run mariadb-binlog --verify-binlog-checksum on the file"
        case .protocolViolation: "Connect again; if it stays, report it with the server's version"
        case .serverError: "See the server's error log"
        case .disconnected: "Connect again at the committed position"
        }
    }
}

extension BinlogSourceError {
    /// An ERR packet in answer to the login.
    static func login(_ error: ServerError) -> BinlogSourceError {
        switch error.code {
        case 1044, 1045, 1129, 1130, 1698: .init(.authenticationRefused, "the server refused the login", server: error)
        case 1040, 1203, 1226: .init(.serverError, "the server takes no more connections", server: error)
        default: .init(.serverError, "the server refused the login", server: error)
        }
    }

    /// An ERR packet in answer to a command, or in the middle of the stream.
    static func replication(_ error: ServerError) -> BinlogSourceError {
        switch error.code {
        case 1045, 1142, 1227: .init(.privilegeMissing, "the account may not replicate", server: error)
        case 1236: .init(fatalReadCode(error.message), "the server cannot send its binlog", server: error)
        case 1595, 4052: .init(.replaced, "another replica took this one's place", server: error)
        case 1053, 1927: .init(.disconnected, "the server ended the stream", server: error)
        default: .init(.serverError, "the server ended the stream", server: error)
        }
    }

    /// Errno 1236 says all of these; only the text tells them apart (sql/sql_repl.cc, mysql_binlog_send).
    private static func fatalReadCode(_ message: String) -> Code {
        if message.contains("diverged") { return .positionDiverged }
        if message.contains("not in the master's binlog") || message.contains("missing the GTID") {
            return .positionUnknown
        }
        if message.contains("Could not find GTID state") || message.contains("purged") { return .positionPurged }
        if message.contains("log is not open") || message.contains("Binary log is not open") { return .binlogOff }
        return .serverError
    }
}
