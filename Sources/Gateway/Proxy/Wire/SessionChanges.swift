import MariaDBWire
import NIOCore

/// One entry of an OK packet's session state (`session_track_…`).
enum SessionChange: Equatable {
    case systemVariable(name: String, value: String)
    case schema(String)
    /// The session changed in a way that no other entry tells: a user variable, a temporary table.
    case state
    /// Transaction characteristics, transaction state, GTIDs of MySQL: passed over.
    case other(type: UInt8)

    /// The entries in their order; stops at what is malformed.
    static func read(_ bytes: UnsafeRawBufferPointer, _ body: (SessionChange, Range<Int>) -> Void) {
        var reader = ByteReader(bytes)
        while reader.left > 0 {
            let start = reader.position
            guard let type = reader.byte(), let range = reader.lengthEncodedRange() else { return }
            let whole = start..<reader.position
            var entry = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[range]))
            switch type {
            case 0:
                // One entry may hold several pairs.
                while entry.left > 0 {
                    guard let name = entry.lengthEncodedText(), let value = entry.lengthEncodedText() else { break }
                    body(.systemVariable(name: name, value: value), whole)
                }
            case 1: if let name = entry.lengthEncodedText() { body(.schema(name), whole) }
            case 2: body(.state, whole)
            default: body(.other(type: type), whole)
            }
        }
    }
}

/// What of the server's session state a client gets to see: what it asked for, not what the proxy asked for.
struct ClientTracking: Equatable {
    /// Lower case; nil stands for all (`*`).
    var variables: Set<String>? = Self.defaults
    var schema = true
    var state = false
    var transaction = false
    /// CLIENT_SESSION_TRACK; without it nothing.
    var isEnabled: Bool

    static let defaults: Set<String> = [
        "autocommit", "character_set_client", "character_set_connection", "character_set_results", "time_zone",
    ]

    /// The payload for the client of an OK packet that has changes: only the entries it wants.
    func filtered(_ payload: UnsafeRawBufferPointer, _ status: StatusPacket) -> ByteBuffer {
        guard let changes = status.changes, let messageStart = status.messageStart else {
            return ByteBuffer(bytes: payload)
        }
        var kept = ByteBuffer()
        if isEnabled {
            SessionChange.read(UnsafeRawBufferPointer(rebasing: payload[changes])) { change, range in
                let entry = payload[(changes.lowerBound + range.lowerBound)..<(changes.lowerBound + range.upperBound)]
                let isWanted =
                    switch change {
                    case .systemVariable(let name, _): variables?.contains(name) ?? true
                    case .schema: schema
                    case .state: state
                    case .other: transaction
                    }
                if isWanted { kept.writeBytes(entry) }
            }
        }
        var packet = ByteBuffer()
        var head = ByteReader(UnsafeRawBufferPointer(rebasing: payload[messageStart...]))
        let message = head.lengthEncodedRange().map {
            payload[(messageStart + $0.lowerBound)..<(messageStart + $0.upperBound)]
        }
        var flags = status.flags
        if kept.readableBytes == 0 { flags.remove(.sessionStateChanged) }
        packet.writeInteger(payload[0])
        packet.writeLengthEncodedInteger(status.affectedRows)
        packet.writeLengthEncodedInteger(status.lastInsertID)
        packet.writeInteger(flags.rawValue, endianness: .little)
        packet.writeInteger(status.warnings, endianness: .little)
        if (message?.isEmpty ?? true), kept.readableBytes == 0 { return packet }
        packet.writeLengthEncodedInteger(UInt64(message?.count ?? 0))
        if let message { packet.writeBytes(message) }
        if kept.readableBytes > 0 {
            packet.writeLengthEncodedInteger(UInt64(kept.readableBytes))
            packet.writeBuffer(&kept)
        }
        return packet
    }
}
