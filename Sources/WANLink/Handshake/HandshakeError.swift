import NIOCore

/// Why a handshake could not be finished.
enum HandshakeError: Error, Equatable, CustomStringConvertible {
    case malformed(String)
    case unknownPurpose(UInt8)
    /// A frame that has no place at this point of the conversation.
    case unexpected(FrameType)
    /// The other side said no, and why.
    case refused(String)

    var description: String {
        switch self {
        case .malformed(let what): "a malformed \(what)"
        case .unknownPurpose(let purpose): "connection purpose \(purpose) is unknown"
        case .unexpected(let type): "a \(type) frame where none may come"
        case .refused(let reason): "refused: \(reason)"
        }
    }
}

extension ByteBuffer {
    /// Writes a length u16 and the text as UTF-8, cut at 4,096 bytes.
    mutating func writeShortString(_ text: String) {
        let bytes = text.utf8.prefix(4_096)
        writeInteger(UInt16(bytes.count))
        writeBytes(bytes)
    }

    /// Reads what ``writeShortString(_:)`` wrote; nil when it is not there in full. Invalid UTF-8 is mended.
    mutating func readShortString() -> String? {
        guard let count = readInteger(as: UInt16.self) else { return nil }
        return readString(length: Int(count))
    }
}
