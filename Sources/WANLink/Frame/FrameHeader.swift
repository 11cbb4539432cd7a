import CChecksum
import NIOCore

/// What a frame carries. The numbers are on the wire: never reuse one.
enum FrameType: UInt8, CaseIterable, Sendable {
    /// The dialling side's first frame: a ``PeerHello``.
    case hello = 1
    /// The accepting side's answer: a ``Welcome``.
    case welcome = 2
    /// The accepting side's other answer, and a failed request's: the reason as UTF-8. The connection closes after it.
    case refusal = 3
    /// 8 bytes that the other side sends back in a pong. Either side may ping.
    case ping = 4
    case pong = 5
    /// An opaque payload on a control connection.
    case control = 6
    /// A numbered piece of a bulk session: a ``BulkFrame``.
    case bulk = 7
    /// An opaque payload on a request connection, and what answers it.
    case request = 8
    case response = 9
    /// On a bulk connection, against the stream: a ``CreditMessage``.
    case credit = 10
    /// The accepting side of a tunnel has reached its database: the address that the database sees, as UTF-8.
    case opened = 11
    /// On a tunnel that is open, in both directions: bytes.
    case data = 12
}

/// The 16 bytes before every payload, integers in network order:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | magic `57 4C` ("WL") |
/// | 2 | 1 | version of the framing, 1 |
/// | 3 | 1 | type |
/// | 4 | 1 | flags, 0: a bit is set only when both sides agreed on the feature that defines it |
/// | 5 | 3 | reserved, 0 |
/// | 8 | 4 | length of the payload |
/// | 12 | 4 | CRC32C of the 12 bytes before and of the payload |
struct FrameHeader: Equatable, Sendable {
    static let byteCount = 16
    static let magic: UInt16 = 0x574C
    static let version: UInt8 = 1

    var type: FrameType
    var flags: UInt8 = 0
    var length: UInt32
    var checksum: UInt32 = 0

    /// The checksum of the header alone, to be continued over the payload.
    var checksumSeed: UInt32 {
        withUnsafeTemporaryAllocation(byteCount: 12, alignment: 8) { bytes in
            bytes.storeBytes(of: FrameHeader.magic.bigEndian, toByteOffset: 0, as: UInt16.self)
            bytes.storeBytes(of: FrameHeader.version, toByteOffset: 2, as: UInt8.self)
            bytes.storeBytes(of: type.rawValue, toByteOffset: 3, as: UInt8.self)
            bytes.storeBytes(of: UInt32(flags).littleEndian, toByteOffset: 4, as: UInt32.self)
            bytes.storeBytes(of: length.bigEndian, toByteOffset: 8, as: UInt32.self)
            return wolfscale_crc32c(0, bytes.baseAddress, 12)
        }
    }

    /// Writes the header for a payload that consists of `parts`, checksum included.
    ///
    /// - Precondition: the parts together are shorter than 4 GiB; callers hold them to their frame bound.
    static func write(type: FrameType, parts: [ByteBuffer], to buffer: inout ByteBuffer) {
        let length = parts.reduce(0) { $0 + $1.readableBytes }
        let header = FrameHeader(type: type, length: UInt32(length))
        let checksum = parts.reduce(header.checksumSeed) { $1.crc32c(seed: $0) }
        buffer.writeMultipleIntegers(
            magic, version, type.rawValue, header.flags, UInt8(0), UInt16(0), header.length, checksum)
    }

    /// Reads a header of which all 16 bytes are there, and checks everything but the payload.
    static func read(from buffer: inout ByteBuffer, frameBytesMax: Int) throws(FrameError) -> FrameHeader {
        guard
            let (magic, version, type, flags, reserved, reservedPair, length, checksum) = buffer.readMultipleIntegers(
                as: (UInt16, UInt8, UInt8, UInt8, UInt8, UInt16, UInt32, UInt32).self)
        else { throw .truncatedHeader }
        guard magic == FrameHeader.magic else { throw .notOurProtocol(magic: magic) }
        guard version == FrameHeader.version else { throw .version(version) }
        guard let type = FrameType(rawValue: type) else { throw .unknownType(type) }
        guard flags == 0, reserved == 0, reservedPair == 0 else { throw .unknownFlags(flags) }
        guard length <= frameBytesMax else { throw .tooLong(length: length, frameBytesMax: frameBytesMax) }
        return FrameHeader(type: type, flags: flags, length: length, checksum: checksum)
    }
}

extension ByteBuffer {
    /// CRC32C of the readable bytes, continuing `seed`.
    func crc32c(seed: UInt32) -> UInt32 {
        withUnsafeReadableBytes { $0.isEmpty ? seed : wolfscale_crc32c(seed, $0.baseAddress, $0.count) }
    }
}
