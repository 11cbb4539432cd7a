import ClusterCore
import NIOCore

/// What a MariaDB replica asks before it is streamed to, and the answers, without I/O (FACTS 3.1).
struct ReplicaCommands {
    /// What the replica has said of itself so far.
    struct Request: Equatable {
        var position: GTIDPosition?
        var serverID: UInt32 = 0
        var semiSync = false
        /// Nil: it wants no heartbeats.
        var heartbeat: Duration?
        /// The file it has last read of, by its own account; empty at first.
        var file = ""
    }
    enum Reply: Equatable {
        case ok
        case rows(TextResultSet)
        case error(ServerError)
        /// Close that connection, answer OK.
        case kill(connectionID: UInt32)
        case stream(Request)
        case quit
    }

    let serverID: UInt32
    private(set) var request = Request()

    init(serverID: UInt32) { self.serverID = serverID }

    /// - Parameter unixTime: seconds, for the replica's account of its lag.
    mutating func receive(_ payload: ByteBuffer, unixTime: Int) -> Reply {
        var bytes = payload
        switch bytes.readInteger(as: UInt8.self) {
        case Command.quit: return .quit
        case Command.ping, Command.initDatabase, Command.setOption: return .ok
        case Command.query: return query(String(buffer: bytes), unixTime: unixTime)
        case Command.registerReplica:
            guard let id = bytes.readInteger(endianness: .little, as: UInt32.self) else { return Self.malformed }
            request.serverID = id
            return .ok
        case Command.binlogDump:
            guard bytes.readSlice(length: 6) != nil, let id = bytes.readInteger(endianness: .little, as: UInt32.self)
            else { return Self.malformed }
            request.serverID = id
            request.file = String(buffer: bytes)
            return dump()
        default: return .error(ServerError(code: 1047, sqlState: "08S01", message: "Unknown command"))
        }
    }

    private func dump() -> Reply {
        guard request.position != nil else {
            return fatal("The relay serves by GTID only: CHANGE MASTER TO MASTER_USE_GTID=slave_pos")
        }
        guard request.serverID != serverID else {
            return fatal("Replica and relay have the same server id, \(serverID)")
        }
        return .stream(request)
    }

    private mutating func query(_ sql: String, unixTime: Int) -> Reply {
        let words = sql.lowercased().split(whereSeparator: { $0.isWhitespace || $0 == ";" }).joined(separator: " ")
        switch words {
        case "select unix_timestamp()": return row("UNIX_TIMESTAMP()", String(unixTime))
        case "show variables like 'server_id'": return variable("server_id", String(serverID))
        case "show variables like 'rpl_semi_sync_master_enabled'":
            return variable("rpl_semi_sync_master_enabled", "ON")
        case "select @master_binlog_checksum": return row("@master_binlog_checksum", "CRC32")
        case "select @@global.gtid_domain_id": return row("@@GLOBAL.gtid_domain_id", "0")
        default: break
        }
        if words.hasPrefix("set ") { return set(words.dropFirst(4)) }
        if words.hasPrefix("kill ") {
            let number = words.split(separator: " ").last.flatMap { UInt32($0) }
            return number.map { .kill(connectionID: $0) } ?? Self.malformed
        }
        return .error(
            ServerError(code: 1235, sqlState: "42000", message: "The relay answers a replica's questions, not SQL"))
    }

    private mutating func set(_ assignment: Substring) -> Reply {
        guard let equals = assignment.firstIndex(of: "=") else { return .ok }
        let name = assignment[..<equals].filter { $0 != " " && $0 != ":" }
        let value = assignment[assignment.index(after: equals)...].filter { $0 != " " && $0 != "'" }
        switch name {
        case "@slave_connect_state":
            guard let position = GTIDPosition(value) else { return Self.malformed }
            request.position = position
        case "@master_heartbeat_period":
            guard let nanoseconds = Int64(value) else { return Self.malformed }
            request.heartbeat = nanoseconds > 0 ? .nanoseconds(max(nanoseconds, 10_000_000)) : nil
        case "@rpl_semi_sync_slave": request.semiSync = value != "0"
        case "@slave_until_gtid":
            return .error(
                ServerError(code: 1235, sqlState: "42000", message: "The relay does not know START SLAVE UNTIL"))
        default: break
        }
        return .ok
    }

    private func row(_ name: String, _ value: String) -> Reply {
        .rows(TextResultSet(columns: [name], rows: [[value]]))
    }
    private func variable(_ name: String, _ value: String) -> Reply {
        .rows(TextResultSet(columns: ["Variable_name", "Value"], rows: [[name, value]]))
    }
    /// Errno 1236 stops the replica's I/O thread for good; others make it try again.
    private func fatal(_ message: String) -> Reply {
        .error(ServerError(code: 1236, sqlState: "HY000", message: message))
    }
    private static let malformed = Reply.error(ServerError(code: 1835, sqlState: "HY000", message: "Malformed packet"))
}
