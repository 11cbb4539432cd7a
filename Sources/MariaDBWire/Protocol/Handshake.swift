import NIOCore

/// The server's greeting (protocol 10).
struct HandshakeV10: Equatable {
    var serverVersion: String
    var connectionID: UInt32
    /// 20 bytes, without NULs inside.
    var salt: [UInt8]
    var capabilities: Capabilities
    var characterSet: UInt8 = 45
    var status: UInt16 = 2
    var plugin: String

    static let saltBytes = 20

    init(serverVersion: String, connectionID: UInt32, salt: [UInt8], capabilities: Capabilities, plugin: String) {
        self.serverVersion = serverVersion
        self.connectionID = connectionID
        self.salt = salt
        self.capabilities = capabilities
        self.plugin = plugin
    }

    init(_ payload: ByteBuffer) throws(WireError) {
        var bytes = payload
        guard bytes.readInteger(as: UInt8.self) == 10, let version = bytes.readNullTerminatedSlice(),
            let connectionID = bytes.readInteger(endianness: .little, as: UInt32.self),
            let first = bytes.readBytes(length: 8), bytes.readInteger(as: UInt8.self) != nil,
            let low = bytes.readInteger(endianness: .little, as: UInt16.self),
            let characterSet = bytes.readInteger(as: UInt8.self),
            let status = bytes.readInteger(endianness: .little, as: UInt16.self),
            let high = bytes.readInteger(endianness: .little, as: UInt16.self),
            let saltCount = bytes.readInteger(as: UInt8.self), bytes.readSlice(length: 10) != nil,
            let second = bytes.readBytes(length: max(13, Int(saltCount) - 8)), saltCount <= 8 + second.count
        else { throw WireError(.malformed("greeting")) }
        serverVersion = String(buffer: version)
        self.connectionID = connectionID
        salt = Array((first + second).prefix(Self.saltBytes))
        capabilities = Capabilities(rawValue: UInt32(low) | UInt32(high) << 16)
        self.characterSet = characterSet
        self.status = status
        plugin = bytes.readNullTerminatedSlice().map { String(buffer: $0) } ?? NativePassword.plugin
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(10))
        buffer.writeNullTerminatedString(serverVersion)
        buffer.writeInteger(connectionID, endianness: .little)
        buffer.writeBytes(salt.prefix(8))
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt16(truncatingIfNeeded: capabilities.rawValue), endianness: .little)
        buffer.writeInteger(characterSet)
        buffer.writeInteger(status, endianness: .little)
        buffer.writeInteger(UInt16(capabilities.rawValue >> 16), endianness: .little)
        buffer.writeInteger(UInt8(salt.count + 1))
        buffer.writeRepeatingByte(0, count: 10)
        buffer.writeBytes(salt.dropFirst(8))
        buffer.writeInteger(UInt8(0))
        buffer.writeNullTerminatedString(plugin)
    }
}

/// The client's answer to the greeting (protocol 4.1).
struct HandshakeResponse: Equatable {
    var capabilities: Capabilities
    var packetBytesMax: UInt32 = 1 << 30
    var characterSet: UInt8 = 45
    var user: String
    var authentication: [UInt8]
    var plugin: String?

    init(capabilities: Capabilities, user: String, authentication: [UInt8], plugin: String?) {
        self.capabilities = capabilities
        self.user = user
        self.authentication = authentication
        self.plugin = plugin
    }

    init(_ payload: ByteBuffer) throws(WireError) {
        var bytes = payload
        guard let raw = bytes.readInteger(endianness: .little, as: UInt32.self),
            let packetBytesMax = bytes.readInteger(endianness: .little, as: UInt32.self),
            let characterSet = bytes.readInteger(as: UInt8.self), bytes.readSlice(length: 23) != nil,
            let user = bytes.readNullTerminatedSlice()
        else { throw WireError(.malformed("handshake response")) }
        capabilities = Capabilities(rawValue: raw)
        guard capabilities.contains(.protocol41) else { throw WireError(.unexpected("client before protocol 4.1")) }
        self.packetBytesMax = packetBytesMax
        self.characterSet = characterSet
        self.user = String(buffer: user)
        guard let reply = Self.readAuthentication(&bytes, capabilities) else {
            throw WireError(.malformed("authentication data"))
        }
        authentication = Array(buffer: reply)
        if capabilities.contains(.connectWithDatabase) {
            guard bytes.readNullTerminatedSlice() != nil else { throw WireError(.malformed("database name")) }
        }
        plugin =
            capabilities.contains(.pluginAuthentication)
            ? bytes.readNullTerminatedSlice().map { String(buffer: $0) } : nil
    }

    private static func readAuthentication(_ bytes: inout ByteBuffer, _ capabilities: Capabilities) -> ByteBuffer? {
        if capabilities.contains(.lengthEncodedAuthentication) { return bytes.readLengthEncodedSlice() }
        if capabilities.contains(.secureConnection) {
            guard let count = bytes.readInteger(as: UInt8.self) else { return nil }
            return bytes.readSlice(length: Int(count))
        }
        return bytes.readNullTerminatedSlice()
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(capabilities.rawValue, endianness: .little)
        buffer.writeInteger(packetBytesMax, endianness: .little)
        buffer.writeInteger(characterSet)
        buffer.writeRepeatingByte(0, count: 23)
        buffer.writeNullTerminatedString(user)
        buffer.writeLengthEncodedInteger(UInt64(authentication.count))
        buffer.writeBytes(authentication)
        if let plugin { buffer.writeNullTerminatedString(plugin) }
    }
}
