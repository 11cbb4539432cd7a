import NIOCore

/// An ERR packet: MariaDB's own account of a failure.
public struct ServerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// MariaDB's errno, for example 1045.
    public let code: UInt16
    /// Five characters, `HY000` when the server gave none.
    public let sqlState: String
    public let message: String

    public init(code: UInt16, sqlState: String, message: String) {
        self.code = code
        self.sqlState = sqlState
        self.message = message
    }

    public var description: String { "\(message) (\(code), \(sqlState))" }

    /// - Parameter payload: an ERR packet, from its 0xFF on.
    package init(_ payload: ByteBuffer) throws(WireError) {
        var bytes = payload
        guard bytes.readInteger(as: UInt8.self) == 0xFF,
            let code = bytes.readInteger(endianness: .little, as: UInt16.self)
        else { throw WireError(.malformed("ERR packet")) }
        self.code = code
        if bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == UInt8(ascii: "#"), bytes.readableBytes >= 6 {
            bytes.moveReaderIndex(forwardBy: 1)
            sqlState = bytes.readString(length: 5) ?? "HY000"
        } else {
            sqlState = "HY000"
        }
        message = String(buffer: bytes)
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(0xFF))
        buffer.writeInteger(code, endianness: .little)
        buffer.writeString("#")
        buffer.writeString(sqlState)
        buffer.writeString(message)
    }
}

/// The first byte tells what an answer is.
enum ServerReply: Equatable {
    case ok
    case error(ServerError)
    /// Also the end of a result set's columns or rows.
    case eof
    /// Whatever else: a column count, a row, an event.
    case other

    init(_ payload: ByteBuffer) throws(WireError) {
        guard let first = payload.getInteger(at: payload.readerIndex, as: UInt8.self) else {
            throw WireError(.malformed("empty answer"))
        }
        switch first {
        case 0x00: self = .ok
        case 0xFF: self = .error(try ServerError(payload))
        case 0xFE where payload.readableBytes < 9: self = .eof
        default: self = .other
        }
    }

    /// An OK packet that says nothing: no rows, autocommit.
    static func writeOK(to buffer: inout ByteBuffer) { buffer.writeBytes([0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00]) }
    static func writeEOF(to buffer: inout ByteBuffer) { buffer.writeBytes([0xFE, 0x00, 0x00, 0x02, 0x00]) }
}

/// The server asks for another authentication method: 0xFE, the plugin's name, its data.
package struct AuthenticationSwitch: Equatable {
    package var plugin: String
    package var data: [UInt8]

    package init(_ payload: ByteBuffer) throws(WireError) {
        var bytes = payload
        guard bytes.readInteger(as: UInt8.self) == 0xFE else { throw WireError(.malformed("authentication switch")) }
        guard let plugin = bytes.readNullTerminatedSlice() else {
            throw WireError(.unexpected("request for the password format of before MySQL 4.1"))
        }
        self.plugin = String(buffer: plugin)
        data = Array(buffer: bytes)
        if data.last == 0 { data.removeLast() }
    }

    package init(plugin: String, data: [UInt8]) {
        self.plugin = plugin
        self.data = data
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(0xFE))
        buffer.writeNullTerminatedString(plugin)
        buffer.writeBytes(data)
        buffer.writeInteger(UInt8(0))
    }
}
