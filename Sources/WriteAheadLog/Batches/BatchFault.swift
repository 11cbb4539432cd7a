import ClusterCore

/// Why bytes are not a batch.
public enum BatchFault: Error, Hashable, Sendable {
    /// The bytes end before the batch does; `needed` counts from the batch's first byte.
    case incomplete(needed: Int, available: Int)
    /// Zeros where a batch should begin: unwritten space.
    case unwritten
    case badMagic(UInt32)
    case headerChecksum
    case payloadChecksum
    /// A valid header of a format that this version does not know.
    case newerVersion(UInt8)
    /// More bytes than the receiver takes.
    case tooLarge(bytes: Int, limit: Int)
    /// A field of a header whose checksum is right has a value that makes no sense.
    case nonsense(String)
    /// The payload does not decompress to the declared size, or its entries do not fill it exactly.
    case payload(String)
    /// A valid batch, but not the one that follows here.
    case discontinuous(expected: LSN, found: LSN, term: Term)
}

extension BatchFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .incomplete(let needed, let available): "it needs \(needed) bytes, there are \(available)"
        case .unwritten: "unwritten space"
        case .badMagic(let magic): "it begins with 0x\(String(magic, radix: 16)), which is not a batch's mark"
        case .headerChecksum: "the header's checksum is wrong"
        case .payloadChecksum: "the payload's checksum is wrong"
        case .newerVersion(let version): "batch format version \(version)"
        case .tooLarge(let bytes, let limit): "\(bytes) bytes are more than the limit of \(limit)"
        case .nonsense(let what): "a nonsensical header: \(what)"
        case .payload(let what): "a nonsensical payload: \(what)"
        case .discontinuous(let expected, let found, let term):
            "LSN \(expected) should follow, but LSN \(found) of term \(term) does"
        }
    }
}
