import CChecksum
import NIOCore

extension ByteBuffer {
    /// Makes the checksum of the batch header at the reader index right again.
    mutating func sealHeader() {
        guard let length = getInteger(at: readerIndex + 8, endianness: .little, as: UInt32.self).map(Int.init),
            length >= 16, length <= readableBytes
        else { return }
        let checksum = checksum(from: readerIndex, length: length - 4)
        setInteger(checksum, at: readerIndex + length - 4, endianness: .little)
    }

    func checksum(from index: Int, length: Int) -> UInt32 {
        getSlice(at: index, length: length)?.withUnsafeReadableBytes {
            wolfscale_crc32c(0, $0.baseAddress, $0.count)
        } ?? 0
    }
}
