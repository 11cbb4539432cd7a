import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// Entries and batches as the tests need them.
enum Sample {
    static func gtid(_ sequence: UInt64, server: UInt32 = 1, domain: UInt32 = 0) -> GTID {
        GTID(domain: domain, server: server, sequence: sequence)
    }

    /// Half noise, half repetition, so that LZ4 has something to do.
    static func body(_ size: Int, salt: UInt64 = 0) -> ByteBuffer {
        var buffer = ByteBuffer()
        var random = SplitMix64(seed: salt)
        while buffer.readableBytes < size { buffer.writeInteger(random.next() & 0xFFFF_FFFF) }
        return buffer.getSlice(at: 0, length: size) ?? ByteBuffer()
    }

    static func transaction(_ sequence: UInt64, server: UInt32 = 1, domain: UInt32 = 0, size: Int = 100) -> Entry {
        .transaction(
            gtid(sequence, server: server, domain: domain),
            source: SourcePosition(file: "binlog.000001", offset: sequence * 1000), events: body(size, salt: sequence))
    }

    static func batch(
        _ first: UInt64, _ entries: [Entry], term: UInt64 = 1, codec: Codec = .lz4
    ) throws(WALError) -> Batch {
        try Batch.encode(entries, first: LSN(first), term: Term(term), codec: codec)
    }

    /// One batch of the transactions with these sequence numbers, at these LSNs.
    static func transactions(
        _ range: ClosedRange<UInt64>, first: UInt64? = nil, term: UInt64 = 1, size: Int = 100, codec: Codec = .lz4
    ) throws(WALError) -> Batch {
        try batch(first ?? range.lowerBound, range.map { transaction($0, size: size) }, term: term, codec: codec)
    }
}
