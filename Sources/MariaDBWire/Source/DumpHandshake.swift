import ClusterCore
import NIOCore

/// What a GTID replica says after its login until the server streams, without I/O (FACTS 1.1).
struct DumpHandshake {
    struct Request {
        var serverID: UInt32
        var start: GTIDPosition
        var semiSync: Bool
        var gtidStrictMode: Bool
        var heartbeat: Duration
    }
    enum Step: Equatable {
        case wait
        /// Send this payload as the first packet of a command.
        case send(ByteBuffer)
        /// Send this payload; what comes next is the stream.
        case sendAndStream(ByteBuffer)
    }
    private enum State {
        case settings(QueryAnswerReader)
        case variables(QueryAnswerReader)
        case registration
    }

    private let request: Request
    private var state = State.settings(QueryAnswerReader())

    init(_ request: Request) { self.request = request }

    /// The first command.
    func begin() -> ByteBuffer { Self.query("SELECT @@global.log_bin, @@global.binlog_checksum") }

    mutating func receive(_ payload: ByteBuffer) throws(BinlogSourceError) -> Step {
        switch state {
        case .settings(var reader):
            guard let rows = try rows(payload, &reader) else {
                state = .settings(reader)
                return .wait
            }
            try check(rows)
            state = .variables(QueryAnswerReader())
            return .send(Self.query(variables))
        case .variables(var reader):
            guard try rows(payload, &reader) != nil else {
                state = .variables(reader)
                return .wait
            }
            state = .registration
            return .send(registration)
        case .registration:
            var reader = QueryAnswerReader()
            guard try rows(payload, &reader) != nil else {
                throw BinlogSourceError(.protocolViolation, "unexpected answer to the registration")
            }
            return .sendAndStream(dump)
        }
    }

    private func rows(
        _ payload: ByteBuffer, _ reader: inout QueryAnswerReader
    ) throws(BinlogSourceError) -> TextResultSet? {
        let answer: QueryAnswerReader.Answer?
        do throws(WireError) { answer = try reader.receive(payload) } catch { throw BinlogSourceError(error) }
        switch answer {
        case .rows(let set): return set
        case .error(let error): throw .replication(error)
        case nil: return nil
        }
    }

    private func check(_ set: TextResultSet) throws(BinlogSourceError) {
        guard let row = set.rows.first, row.count == 2 else {
            throw BinlogSourceError(.protocolViolation, "unexpected answer to the first query")
        }
        guard row[0] == "1" else { throw BinlogSourceError(.binlogOff, "the server has no binlog") }
        guard row[1] == "CRC32" else {
            throw BinlogSourceError(.checksumsOff, "binlog_checksum is \(row[1] ?? "NULL")")
        }
    }

    /// A paused reader must not lose its stream to net_write_timeout, so that is a day.
    private var variables: String {
        let (seconds, attoseconds) = request.heartbeat.components
        let heartbeat = max(0, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        return """
            SET @mariadb_slave_capability=4, @master_binlog_checksum=@@global.binlog_checksum, \
            @slave_connect_state='\(request.start)', @slave_gtid_strict_mode=\(request.gtidStrictMode ? 1 : 0), \
            @slave_gtid_ignore_duplicates=0, @master_heartbeat_period=\(heartbeat), \
            @rpl_semi_sync_slave=\(request.semiSync ? 1 : 0), SESSION net_write_timeout=86400
            """
    }

    /// COM_REGISTER_SLAVE: server id, three empty strings (host, user, password), port, rank, primary's id.
    private var registration: ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(Command.registerReplica)
        payload.writeInteger(request.serverID, endianness: .little)
        payload.writeRepeatingByte(0, count: 3 + 2 + 4 + 4)
        return payload
    }

    /// COM_BINLOG_DUMP: position, flags (2: send the annotations too), server id, file; GTID decides, not the file.
    private var dump: ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(Command.binlogDump)
        payload.writeInteger(UInt32(4), endianness: .little)
        payload.writeInteger(UInt16(2), endianness: .little)
        payload.writeInteger(request.serverID, endianness: .little)
        return payload
    }

    private static func query(_ sql: String) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(Command.query)
        payload.writeString(sql)
        return payload
    }
}
