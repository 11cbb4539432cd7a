import NIOCore

/// ROTATE: the next file's name and the position in it.
struct RotateEvent: Equatable {
    var position: UInt64
    var file: String

    /// - Parameter body: what lies between the common header and the checksum.
    init?(body: ByteBuffer) {
        var bytes = body
        guard let position = bytes.readInteger(endianness: .little, as: UInt64.self), bytes.readableBytes > 0 else {
            return nil
        }
        self.position = position
        file = String(buffer: bytes)
    }
}

/// FORMAT_DESCRIPTION: what wrote the file, how long each type's post-header is, and which checksum events carry.
///
///     0  binlog version u16 (4)
///     2  server version, 50 bytes
///     52 created        u32
///     56 header length  u8 (19)
///     57 post-header lengths, one byte a type from 1 on
///     n-1 checksum algorithm u8; its own CRC32 trailer follows, whatever the algorithm
struct FormatDescription: Equatable {
    static let createdOffset = BinlogEventHeader.bytes + 52
    static let bodyBytesMin = 57 + 1

    var serverVersion: String
    var created: UInt32
    var checksum: ChecksumAlgorithm

    enum ChecksumAlgorithm: UInt8 {
        case off = 0
        case crc32 = 1
    }

    /// - Parameter body: what lies between the common header and the CRC32 trailer.
    init?(body: ByteBuffer) {
        let start = body.readerIndex
        guard body.readableBytes >= Self.bodyBytesMin,
            body.getInteger(at: start, endianness: .little, as: UInt16.self) == 4,
            let version = body.getSlice(at: start + 2, length: 50),
            let created = body.getInteger(at: start + 52, endianness: .little, as: UInt32.self),
            body.getInteger(at: start + 56, as: UInt8.self) == UInt8(BinlogEventHeader.bytes),
            let algorithm = body.getInteger(at: body.writerIndex - 1, as: UInt8.self),
            let checksum = ChecksumAlgorithm(rawValue: algorithm)
        else { return nil }
        serverVersion = String(decoding: version.readableBytesView.prefix { $0 != 0 }, as: UTF8.self)
        self.created = created
        self.checksum = checksum
    }
}

/// Whether a QUERY event says COMMIT or ROLLBACK, which ends a transaction of tables without a transaction engine.
/// Such an event is short and its text follows a NUL (sql/log_event.cc, Query_log_event::peek_is_commit_rollback).
enum QueryEvent {
    /// - Parameter event: the whole event, header and checksum included.
    static func isCommitOrRollback(_ event: ByteBufferView) -> Bool {
        let text = event.dropLast(BinlogEventHeader.checksumBytes)
        return text.hasSuffix("\0COMMIT") || text.hasSuffix("\0ROLLBACK")
    }
}

extension ByteBufferView {
    fileprivate func hasSuffix(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { wanted in count >= wanted.count && suffix(wanted.count).elementsEqual(wanted) }
    }
}
