import MariaDBWire
import NIOCore

/// What an OK packet, or an EOF packet, says of the session.
struct StatusPacket: Equatable {
    var flags: ServerStatus
    var warnings: UInt16 = 0
    var affectedRows: UInt64 = 0
    var lastInsertID: UInt64 = 0
    /// False for the short EOF packet, which has no room for session state.
    var isOK = true
    /// Where the length-encoded message begins, relative to the payload; nil when there is none.
    var messageStart: Int?
    /// The session state changes, relative to the payload, without their length; nil when there are none.
    var changes: Range<Int>?

    /// - Parameter payload: from the 00 or FE on. Nil when it is neither an OK nor an EOF packet.
    init?(_ payload: UnsafeRawBufferPointer) {
        var reader = ByteReader(payload)
        guard let first = reader.byte(), first == 0x00 || first == 0xFE else { return nil }
        if first == 0xFE, payload.count < 7 {
            guard let warnings = reader.integer(bytes: 2), let flags = reader.integer(bytes: 2) else { return nil }
            self.warnings = UInt16(warnings)
            self.flags = ServerStatus(rawValue: UInt16(flags))
            isOK = false
            return
        }
        guard let affected = reader.lengthEncoded(), let insertID = reader.lengthEncoded(),
            let flags = reader.integer(bytes: 2), let warnings = reader.integer(bytes: 2)
        else { return nil }
        affectedRows = affected
        lastInsertID = insertID
        self.flags = ServerStatus(rawValue: UInt16(flags))
        self.warnings = UInt16(warnings)
        guard reader.left > 0 else { return }
        messageStart = reader.position
        guard self.flags.contains(.sessionStateChanged), reader.lengthEncodedRange() != nil else { return }
        changes = reader.lengthEncodedRange()
    }
}
