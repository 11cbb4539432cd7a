import NIOCore

/// The client's answer to the greeting (protocol 4.1).
package struct HandshakeResponse: Equatable, Sendable {
    package var capabilities: Capabilities
    package var packetBytesMax: UInt32 = 1 << 30
    package var characterSet: UInt8 = 45
    package var user: String
    package var authentication: [UInt8]
    package var database: String?
    package var plugin: String?
    /// The connect attributes as they were sent, their length included; nil when there are none.
    package var attributes: ByteBuffer?

    package init(capabilities: Capabilities, user: String, authentication: [UInt8], plugin: String?) {
        self.capabilities = capabilities
        self.user = user
        self.authentication = authentication
        self.plugin = plugin
    }

    package init(_ payload: ByteBuffer) throws(WireError) {
        var bytes = payload
        guard let raw = bytes.readInteger(endianness: .little, as: UInt32.self),
            let packetBytesMax = bytes.readInteger(endianness: .little, as: UInt32.self),
            let characterSet = bytes.readInteger(as: UInt8.self), bytes.readSlice(length: 19) != nil,
            let extended = bytes.readInteger(endianness: .little, as: UInt32.self),
            let user = bytes.readNullTerminatedSlice()
        else { throw WireError(.malformed("handshake response")) }
        let flags = Capabilities(rawValue: UInt64(raw))
        capabilities =
            flags.contains(.longPassword) ? flags : flags.union(Capabilities(rawValue: UInt64(extended) << 32))
        guard capabilities.contains(.protocol41) else { throw WireError(.unexpected("client before protocol 4.1")) }
        self.packetBytesMax = packetBytesMax
        self.characterSet = characterSet
        self.user = String(buffer: user)
        guard let reply = Self.readAuthentication(&bytes, capabilities) else {
            throw WireError(.malformed("authentication data"))
        }
        authentication = Array(buffer: reply)
        if capabilities.contains(.connectWithDatabase) {
            // Some clients announce a database and send none.
            if bytes.readableBytes > 0 {
                guard let name = bytes.readNullTerminatedSlice() else { throw WireError(.malformed("database name")) }
                database = name.readableBytes > 0 ? String(buffer: name) : nil
            }
        }
        plugin =
            capabilities.contains(.pluginAuthentication)
            ? bytes.readNullTerminatedSlice().map { String(buffer: $0) } : nil
        if capabilities.contains(.connectAttributes) { attributes = Self.readAttributes(bytes) }
    }

    /// Attributes that are not whole are not passed on.
    private static func readAttributes(_ rest: ByteBuffer) -> ByteBuffer? {
        var bytes = rest
        guard bytes.readLengthEncodedSlice() != nil else { return nil }
        return rest.getSlice(at: rest.readerIndex, length: bytes.readerIndex - rest.readerIndex)
    }

    private static func readAuthentication(_ bytes: inout ByteBuffer, _ capabilities: Capabilities) -> ByteBuffer? {
        if capabilities.contains(.lengthEncodedAuthentication) { return bytes.readLengthEncodedSlice() }
        if capabilities.contains(.secureConnection) {
            guard let count = bytes.readInteger(as: UInt8.self) else { return nil }
            return bytes.readSlice(length: Int(count))
        }
        return bytes.readNullTerminatedSlice()
    }

    /// The request for TLS that stands before the answer itself: what both have in common at their beginning.
    package func writeTLSRequest(to buffer: inout ByteBuffer) { writeHead(to: &buffer) }

    /// The capabilities must agree with the fields: a database and attributes are written when their flags are set.
    package func write(to buffer: inout ByteBuffer) {
        writeHead(to: &buffer)
        buffer.writeNullTerminatedString(user)
        buffer.writeLengthEncodedInteger(UInt64(authentication.count))
        buffer.writeBytes(authentication)
        if capabilities.contains(.connectWithDatabase) { buffer.writeNullTerminatedString(database ?? "") }
        if let plugin { buffer.writeNullTerminatedString(plugin) }
        if capabilities.contains(.connectAttributes), let attributes { buffer.writeImmutableBuffer(attributes) }
    }

    private func writeHead(to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt32(truncatingIfNeeded: capabilities.rawValue), endianness: .little)
        buffer.writeInteger(packetBytesMax, endianness: .little)
        buffer.writeInteger(characterSet)
        buffer.writeRepeatingByte(0, count: 19)
        let extended =
            capabilities.contains(.longPassword) ? 0 : UInt32(truncatingIfNeeded: capabilities.rawValue >> 32)
        buffer.writeInteger(extended, endianness: .little)
    }
}
