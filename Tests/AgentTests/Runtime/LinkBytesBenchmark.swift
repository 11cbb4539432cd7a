import ClusterCore
import Foundation
import MariaDBWire
import NIOCore
import Testing
import WriteAheadLog

@testable import Agent
@testable import WANLink

/// What the link makes of a binlog: `LINK_BENCHMARK=/path/to/binlog.000002` prints bytes and speed at each level, in rows and in columns.
@Suite struct LinkBytesBenchmark {
    @Test(.enabled(if: ProcessInfo.processInfo.environment["LINK_BENCHMARK"] != nil))
    func measure() throws {
        let path = ProcessInfo.processInfo.environment["LINK_BENCHMARK"] ?? ""
        let messages = try Self.messages(ByteBuffer(bytes: try Data(contentsOf: URL(fileURLWithPath: path))))
        let logged = LoggedBatches(codec: .lz4)
        for groups in [false, true] {
            for level in LevelChooser.ladder {
                let compressor = try StreamCompressor()
                let decompressor = try StreamDecompressor()
                var (raw, wire, times) = (0, 0, [Duration.zero, .zero, .zero, .zero])
                for message in messages {
                    let begin = ContinuousClock.now
                    let parts = try logged.expand(message.parts, bytesMax: 8 << 20, groups: groups)
                    let expanded = ContinuousClock.now
                    let piece = try compressor.compress(parts, level: level, areSorted: groups)
                    let compressed = ContinuousClock.now
                    let length = parts.reduce(0) { $0 + $1.readableBytes }
                    let restored = try decompressor.decompress(piece, rawBytes: length)
                    let decompressed = ContinuousClock.now
                    let packed = try logged.pack(restored)
                    let end = ContinuousClock.now
                    #expect(packed == message.parts.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) })
                    raw += message.rawBytes
                    wire += piece.readableBytes
                    times[0] += expanded - begin
                    times[1] += compressed - expanded
                    times[2] += decompressed - compressed
                    times[3] += end - decompressed
                }
                let speeds = times.map { Int(Double(raw) / 1e6 / ($0 / .seconds(1))) }
                print(
                    "\(groups ? "columns" : "rows   ") level \(level): \(wire) of \(raw), "
                        + "\((Double(wire) / Double(raw) * 10_000).rounded() / 10_000); "
                        + "MB/s expand \(speeds[0]), zstd \(speeds[1]), unzstd \(speeds[2]), pack \(speeds[3])")
            }
        }
    }

    private struct Message {
        var parts: [ByteBuffer]
        var rawBytes: Int
    }

    /// Appends of about 256 KB of stored batches, each of one transaction.
    private static func messages(_ binlog: ByteBuffer) throws -> [Message] {
        var (messages, batches, stored, raw) = ([Message](), [[ByteBuffer]](), 0, 0)
        var transaction = ByteBuffer()
        var (sequence, at) = (UInt64(1), 4)
        let append = AppendEntries(term: Term(1), prev: .zero, batches: [], commit: .zero)
        func close() throws {
            guard transaction.readableBytes > 0 else { return }
            let entry = Entry.transaction(GTID(domain: 0, server: 1, sequence: sequence), events: transaction)
            let batch = try Batch.encode([entry], first: LSN(sequence), term: Term(1), codec: .lz4).bytes
            sequence += 1
            transaction = ByteBuffer()
            batches.append([batch])
            stored += batch.readableBytes
        }
        func flush() {
            messages.append(Message(parts: RaftMessageCodec.encodeAppend(append, batches: batches), rawBytes: raw))
            (batches, stored, raw) = ([], 0, 0)
        }
        while let header = BinlogEventHeader(binlog, at: at),
            let event = binlog.getSlice(at: at, length: Int(header.length))
        {
            at += Int(header.length)
            if header.type == .gtid {
                try close()
                if stored > 256 << 10 { flush() }
            }
            guard ![.formatDescription, .gtidList, .binlogCheckpoint, .rotate].contains(header.type) else { continue }
            raw += event.readableBytes
            transaction.writeImmutableBuffer(event)
        }
        try close()
        flush()
        return messages
    }
}
