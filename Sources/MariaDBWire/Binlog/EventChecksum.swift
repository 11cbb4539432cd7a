import CZlib
import NIOCore

/// The CRC32 trailer of an event: zlib's polynomial over everything before it.
struct EventChecksum {
    private(set) var value: UInt32 = 0

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count > 0 else { return }
        value = UInt32(truncatingIfNeeded: crc32_z(UInt(value), base, bytes.count))
    }

    static func of(_ buffer: ByteBuffer) -> UInt32 {
        var checksum = EventChecksum()
        buffer.withUnsafeReadableBytes { checksum.update($0) }
        return checksum.value
    }
}
