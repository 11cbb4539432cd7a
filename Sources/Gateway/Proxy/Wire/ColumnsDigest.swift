import MariaDBWire
import NIOCore

/// Tells definitions of columns apart: a 64-bit FNV-1a hash over their packets' payloads, in pieces of any size.
/// (draft-eastlake-fnv, "The FNV Non-Cryptographic Hash Algorithm".)
struct ColumnsDigest: Equatable {
    private var value: UInt64 = 0xCBF2_9CE4_8422_2325

    init() {}

    /// - Parameter packets: whole ones.
    init(packets: ByteBuffer) {
        var rest = packets
        while let header = rest.readInteger(endianness: .little, as: UInt32.self),
            let payload = rest.readSlice(length: Int(header & 0xFF_FFFF))
        {
            payload.withUnsafeReadableBytes { add($0) }
        }
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
}
