/// Why bytes from a peer are not a frame. The connection they came on is closed.
enum FrameError: Error, Equatable, CustomStringConvertible {
    case truncatedHeader
    case notOurProtocol(magic: UInt16)
    case version(UInt8)
    case unknownType(UInt8)
    case unknownFlags(UInt8)
    case tooLong(length: UInt32, frameBytesMax: Int)
    case checksum(type: FrameType, length: UInt32)

    var description: String {
        switch self {
        case .truncatedHeader: "a frame's header is cut short"
        case .notOurProtocol(let magic):
            "the bytes are not a frame of this protocol (they begin with 0x\(String(magic, radix: 16)))"
        case .version(let version): "framing version \(version) is unknown; this release speaks \(FrameHeader.version)"
        case .unknownType(let type): "frame type \(type) is unknown"
        case .unknownFlags(let flags): "a frame has flags that were not agreed on (0x\(String(flags, radix: 16)))"
        case .tooLong(let length, let frameBytesMax):
            "a frame announces \(length) bytes, more than the \(frameBytesMax) allowed here"
        case .checksum(let type, let length): "a \(type) frame of \(length) bytes fails its checksum"
        }
    }
}
