import NIOCore

/// A small result set in the text protocol, as the two handshakes exchange them. Values are text, nil for NULL.
struct TextResultSet: Equatable {
    var columns: [String]
    var rows: [[String?]]

    /// The packets of the set, EOF packets included, each handed to `emit`.
    func write(allocator: ByteBufferAllocator, emit: (ByteBuffer) -> Void) {
        var packet = allocator.buffer(capacity: 64)
        packet.writeLengthEncodedInteger(UInt64(columns.count))
        emit(packet)
        for column in columns {
            packet.clear()
            for text in ["def", "", "", "", column, ""] { packet.writeLengthEncodedString(text) }
            packet.writeInteger(UInt8(0x0C))
            packet.writeInteger(UInt16(45), endianness: .little)
            packet.writeInteger(UInt32(1024), endianness: .little)
            packet.writeInteger(UInt8(0xFD))  // VAR_STRING
            packet.writeInteger(UInt16(0), endianness: .little)
            packet.writeInteger(UInt8(0))
            packet.writeInteger(UInt16(0), endianness: .little)
            emit(packet)
        }
        packet.clear()
        ServerReply.writeEOF(to: &packet)
        emit(packet)
        for row in rows {
            packet.clear()
            for value in row {
                if let value { packet.writeLengthEncodedString(value) } else { packet.writeInteger(UInt8(0xFB)) }
            }
            emit(packet)
        }
        packet.clear()
        ServerReply.writeEOF(to: &packet)
        emit(packet)
    }
}

/// Reads the answer to one COM_QUERY, packet by packet.
struct QueryAnswerReader {
    enum Answer: Equatable {
        case rows(TextResultSet)
        case error(ServerError)
    }
    private enum State {
        case first
        case columns(left: Int)
        case columnsEnd
        case rows
    }
    /// More than the handshakes ever see; a peer that sends more is refused.
    static let columnsMax = 64
    static let rowsMax = 10_000

    private var state = State.first
    private var set = TextResultSet(columns: [], rows: [])

    /// Takes the next packet; the answer once it is whole. An OK packet is an empty result set.
    mutating func receive(_ payload: ByteBuffer) throws(WireError) -> Answer? {
        let reply = try ServerReply(payload)
        if case .error(let error) = reply { return .error(error) }
        switch state {
        case .first:
            if case .ok = reply { return .rows(set) }
            var bytes = payload
            guard let count = bytes.readLengthEncodedInteger(), (1...UInt64(Self.columnsMax)).contains(count) else {
                throw WireError(.unexpected("answer to a query"))
            }
            state = .columns(left: Int(count))
        case .columns(let left):
            set.columns.append(try Self.columnName(payload))
            state = left > 1 ? .columns(left: left - 1) : .columnsEnd
        case .columnsEnd:
            guard reply == .eof else { throw WireError(.malformed("result set: no EOF after the columns")) }
            state = .rows
        case .rows:
            if case .eof = reply { return .rows(set) }
            guard set.rows.count < Self.rowsMax else { throw WireError(.unexpected("result set of many rows")) }
            set.rows.append(try row(payload))
        }
        return nil
    }

    private static func columnName(_ payload: ByteBuffer) throws(WireError) -> String {
        var bytes = payload
        for _ in 0..<4 where bytes.readLengthEncodedSlice() == nil { throw WireError(.malformed("column")) }
        guard let name = bytes.readLengthEncodedString() else { throw WireError(.malformed("column")) }
        return name
    }

    private func row(_ payload: ByteBuffer) throws(WireError) -> [String?] {
        var bytes = payload
        var values: [String?] = []
        for _ in set.columns {
            if bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == 0xFB {
                bytes.moveReaderIndex(forwardBy: 1)
                values.append(nil)
            } else if let value = bytes.readLengthEncodedString() {
                values.append(value)
            } else {
                throw WireError(.malformed("row"))
            }
        }
        return values
    }
}
