import MariaDBWire
import NIOCore

/// COM_CHANGE_USER: a new login on the same connection. Its database connections are replaced.
extension ProxySession {
    func changeUser(_ packet: ByteBuffer) {
        var bytes = packet
        bytes.moveReaderIndex(forwardBy: PacketFraming.headerBytes + 1)
        guard var response = hello, let user = bytes.readNullTerminatedSlice(),
            let count = bytes.readInteger(as: UInt8.self), let reply = bytes.readSlice(length: Int(count)),
            let schema = bytes.readNullTerminatedSlice()
        else { return refuseChange() }
        if let characterSet = bytes.readInteger(endianness: .little, as: UInt16.self) {
            response.characterSet = UInt8(truncatingIfNeeded: characterSet)
        }
        let plugin = bytes.readNullTerminatedSlice().map { String(buffer: $0) }
        response.user = String(buffer: user)
        response.database = schema.readableBytes > 0 ? String(buffer: schema) : nil
        if response.capabilities.contains(.connectAttributes) {
            response.attributes = bytes.readableBytes > 0 ? bytes : nil
        }
        leader?.close()
        replica?.close()
        (leader, replica) = (nil, nil)
        statements = [:]
        statementBytes = 0
        isReadingAtReplica = false
        hasLostState = false
        hello = response
        let isTracked = state.tracking.isEnabled
        state = SessionState(
            consistency: worker.configuration.readConsistency, tracking: ClientTracking(isEnabled: isTracked))
        state.schema = response.database
        sequence = 1
        decoder = PacketDecoder(payloadBytesMax: 1 << 20)
        if plugin == nil || plugin == NativePassword.plugin {
            check(reply: Array(buffer: reply))
        } else {
            askForNative()
        }
    }

    private func refuseChange() {
        answerError(1047, "08S01", "Unknown command")
        close()
    }
}
