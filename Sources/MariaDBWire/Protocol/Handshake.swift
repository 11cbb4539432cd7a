import NIOCore

/// The server's greeting (protocol 10).
package struct HandshakeV10: Equatable, Sendable {
    package var serverVersion: String
    package var connectionID: UInt32
    /// 20 bytes, without NULs inside.
    package var salt: [UInt8]
    package var capabilities: Capabilities
    package var characterSet: UInt8 = 45
    package var status: UInt16 = 2
    package var plugin: String

    package static let saltBytes = 20

    package init(
        serverVersion: String, connectionID: UInt32, salt: [UInt8], capabilities: Capabilities, plugin: String
    ) {
        self.serverVersion = serverVersion
        self.connectionID = connectionID
        self.salt = salt
        self.capabilities = capabilities
        self.plugin = plugin
    }

    package init(_ payload: ByteBuffer) throws(WireError) {
        var bytes = payload
        guard bytes.readInteger(as: UInt8.self) == 10, let version = bytes.readNullTerminatedSlice(),
            let connectionID = bytes.readInteger(endianness: .little, as: UInt32.self),
            let first = bytes.readBytes(length: 8), bytes.readInteger(as: UInt8.self) != nil,
            let low = bytes.readInteger(endianness: .little, as: UInt16.self),
            let characterSet = bytes.readInteger(as: UInt8.self),
            let status = bytes.readInteger(endianness: .little, as: UInt16.self),
            let high = bytes.readInteger(endianness: .little, as: UInt16.self),
            let saltCount = bytes.readInteger(as: UInt8.self), bytes.readSlice(length: 6) != nil,
            let extended = bytes.readInteger(endianness: .little, as: UInt32.self),
            let second = bytes.readBytes(length: max(13, Int(saltCount) - 8)), saltCount <= 8 + second.count
        else { throw WireError(.malformed("greeting")) }
        serverVersion = String(buffer: version)
        self.connectionID = connectionID
        salt = Array((first + second).prefix(Self.saltBytes))
        let flags = Capabilities(rawValue: UInt64(low) | UInt64(high) << 16)
        // MySQL leaves these bytes without a meaning.
        let isMariaDB = !flags.contains(.longPassword)
        capabilities = isMariaDB ? flags.union(Capabilities(rawValue: UInt64(extended) << 32)) : flags
        self.characterSet = characterSet
        self.status = status
        plugin = bytes.readNullTerminatedSlice().map { String(buffer: $0) } ?? NativePassword.plugin
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(10))
        buffer.writeNullTerminatedString(serverVersion)
        buffer.writeInteger(connectionID, endianness: .little)
        buffer.writeBytes(salt.prefix(8))
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt16(truncatingIfNeeded: capabilities.rawValue), endianness: .little)
        buffer.writeInteger(characterSet)
        buffer.writeInteger(status, endianness: .little)
        buffer.writeInteger(UInt16(truncatingIfNeeded: capabilities.rawValue >> 16), endianness: .little)
        buffer.writeInteger(UInt8(salt.count + 1))
        buffer.writeRepeatingByte(0, count: 6)
        let extended =
            capabilities.contains(.longPassword) ? 0 : UInt32(truncatingIfNeeded: capabilities.rawValue >> 32)
        buffer.writeInteger(extended, endianness: .little)
        buffer.writeBytes(salt.dropFirst(8))
        buffer.writeInteger(UInt8(0))
        buffer.writeNullTerminatedString(plugin)
    }
}
