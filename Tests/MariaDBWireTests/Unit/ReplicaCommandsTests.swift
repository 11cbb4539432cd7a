import ClusterCore
import NIOCore
import Testing

@testable import MariaDBWire

@Suite struct ReplicaCommandsTests {
    private func query(_ sql: String) -> ByteBuffer {
        var payload = ByteBuffer(bytes: [Command.query])
        payload.writeString(sql)
        return payload
    }

    /// FACTS 3.1, word for word.
    private let transcript: [(String, ReplicaCommands.Reply)] = [
        ("SELECT UNIX_TIMESTAMP()", .rows(TextResultSet(columns: ["UNIX_TIMESTAMP()"], rows: [["1234"]]))),
        (
            "SHOW VARIABLES LIKE 'SERVER_ID'",
            .rows(TextResultSet(columns: ["Variable_name", "Value"], rows: [["server_id", "501"]]))
        ), ("SET @master_heartbeat_period= 30000000000", .ok),
        ("SET @master_binlog_checksum= @@global.binlog_checksum", .ok),
        (
            "SELECT @master_binlog_checksum",
            .rows(TextResultSet(columns: ["@master_binlog_checksum"], rows: [["CRC32"]]))
        ), ("SET @mariadb_slave_capability=4", .ok),
        (
            "SELECT @@GLOBAL.gtid_domain_id",
            .rows(TextResultSet(columns: ["@@GLOBAL.gtid_domain_id"], rows: [["0"]]))
        ), ("SET @slave_connect_state='0-1-42,1-2-7'", .ok), ("SET @slave_gtid_strict_mode=1", .ok),
        ("SET @slave_gtid_ignore_duplicates=0", .ok),
        (
            "SHOW VARIABLES LIKE 'rpl_semi_sync_master_enabled'",
            .rows(TextResultSet(columns: ["Variable_name", "Value"], rows: [["rpl_semi_sync_master_enabled", "ON"]]))
        ), ("SET @rpl_semi_sync_slave= 1", .ok),
    ]

    private var dump: ByteBuffer {
        var payload = ByteBuffer(bytes: [Command.binlogDump, 4, 0, 0, 0, 2, 0])
        payload.writeInteger(UInt32(2), endianness: .little)
        payload.writeString("wolfscale.000001")
        return payload
    }

    @Test func answersAReplicaWordForWord() {
        var commands = ReplicaCommands(serverID: 501)
        for (sql, reply) in transcript { #expect(commands.receive(query(sql), unixTime: 1234) == reply) }
        #expect(commands.receive(ByteBuffer(bytes: [Command.registerReplica, 2, 0, 0, 0]), unixTime: 0) == .ok)
        let request = ReplicaCommands.Request(
            position: GTIDPosition("0-1-42,1-2-7"), serverID: 2, semiSync: true, heartbeat: .seconds(30),
            file: "wolfscale.000001")
        #expect(commands.receive(dump, unixTime: 0) == .stream(request))
    }

    @Test func servesByGTIDOnlyAndNotItself() {
        var commands = ReplicaCommands(serverID: 501)
        guard case .error(let error) = commands.receive(dump, unixTime: 0) else { return #expect(Bool(false)) }
        #expect(error.code == 1236)
        var same = ReplicaCommands(serverID: 2)
        _ = same.receive(query("SET @slave_connect_state=''"), unixTime: 0)
        guard case .error = same.receive(dump, unixTime: 0) else { return #expect(Bool(false)) }
    }

    @Test func otherCommands() {
        var commands = ReplicaCommands(serverID: 501)
        #expect(commands.receive(query("KILL 17"), unixTime: 0) == .kill(connectionID: 17))
        #expect(commands.receive(ByteBuffer(bytes: [Command.quit]), unixTime: 0) == .quit)
        #expect(commands.receive(ByteBuffer(bytes: [Command.ping]), unixTime: 0) == .ok)
        for odd in [
            query("KILL x"), query("SELECT 1"), query("SET @slave_until_gtid='0-1-1'"),
            query("SET @slave_connect_state='nonsense'"), ByteBuffer(), ByteBuffer(bytes: [0x77]),
            ByteBuffer(bytes: [Command.binlogDump, 1]),
        ] {
            guard case .error = commands.receive(odd, unixTime: 0) else {
                Issue.record("\(odd) was answered")
                continue
            }
        }
        _ = commands.receive(query("SET @master_heartbeat_period= 0"), unixTime: 0)
        #expect(commands.request.heartbeat == nil)
    }
}
