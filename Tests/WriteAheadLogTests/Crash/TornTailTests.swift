import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// Each byte of the last two batches, damaged in each of several ways: recovery keeps what is before the damage and
/// nothing else.
@Suite struct TornTailTests {
    private struct Layout {
        let bytes: [UInt8]
        let batches: [Batch]
        /// Where each batch begins, and where the last one ends.
        let offsets: [Int]
    }

    private static let headerBytes = 4096

    private func layout() throws -> Layout {
        let log = try SimulatedLog()
        let batches = [
            try Sample.transactions(1...3, size: 40),
            try Sample.transactions(4...5, size: 40, codec: .none),
            try Sample.batch(6, [.fragment(.first, of: Sample.gtid(6), events: Sample.body(50))]),
            try Sample.transactions(6...9, first: 7, size: 30),
        ]
        for batch in batches { try log.append(batch) }
        log.log.close()
        var offsets = [Self.headerBytes]
        for batch in batches { offsets.append((offsets.last ?? 0) + batch.bytes.readableBytes) }
        return Layout(bytes: try #require(log.disk.contents(SimulatedLog.path(1))), batches: batches, offsets: offsets)
    }

    /// Opens a log of these bytes and returns the last entry and whether something was cut.
    private func recover(_ bytes: [UInt8], committed: LSN = .zero) throws(WALError) -> Recovery {
        let disk = SimulatedDisk()
        disk.put(SimulatedLog.path(1), bytes)
        let log = try SimulatedLog(disk, committed: committed)
        defer { log.log.close() }
        return log.recovery
    }

    /// The last entry before the batch that `offset` lies in.
    private func last(before offset: Int, _ layout: Layout) -> LSN {
        layout.batches.indices.last { layout.offsets[$0 + 1] <= offset }.map { layout.batches[$0].last } ?? .zero
    }

    @Test(arguments: [UInt8(0x01), 0x80, 0xFF]) func aFlippedByteCutsItsBatch(mask: UInt8) throws {
        let layout = try layout()
        for offset in layout.offsets[2]..<layout.offsets[4] {
            var bytes = layout.bytes
            bytes[offset] ^= mask
            let recovery = try recover(bytes)
            let expected = last(before: offset, layout)
            #expect(recovery.last == expected, "byte \(offset)")
            let cut = try #require(recovery.cut, "byte \(offset)")
            #expect(cut.after == expected)
            #expect(Int(cut.offset) == layout.offsets.last { $0 <= offset })
            #expect(cut.segment == "00000000000000000001.wal")
        }
    }

    @Test func aFileCutShortKeepsItsWholeBatches() throws {
        let layout = try layout()
        for length in Self.headerBytes...layout.offsets[4] {
            let recovery = try recover(Array(layout.bytes[..<length]))
            #expect(recovery.last == last(before: length, layout), "\(length) bytes")
            #expect((recovery.cut == nil) == layout.offsets.contains(length), "\(length) bytes")
        }
    }

    @Test func zerosFromSomewhereOnAreATornWrite() throws {
        let layout = try layout()
        for start in layout.offsets[2]..<layout.offsets[4] {
            let bytes = layout.bytes[..<start] + [UInt8](repeating: 0, count: layout.bytes.count - start)
            // What was a zero before is no damage.
            let damaged = layout.bytes[start...].firstIndex { $0 != 0 } ?? start
            let expected = damaged < layout.offsets[4] ? last(before: damaged, layout) : LSN(10)
            #expect(try recover(Array(bytes)).last == expected, "from byte \(start)")
        }
    }

    @Test func aHoleBeforeWholeBatchesCutsThemToo() throws {
        let layout = try layout()
        var bytes = layout.bytes
        for offset in layout.offsets[2]..<layout.offsets[3] { bytes[offset] = 0 }
        let recovery = try recover(bytes)
        #expect(recovery.last == LSN(5))
        #expect(recovery.cut?.reason == "unwritten space")
        let lastByte = try #require(layout.bytes.lastIndex { $0 != 0 })
        #expect(recovery.cut.map { Int($0.bytes) } == lastByte + 1 - layout.offsets[2])
    }

    @Test func whatWasCutDoesNotComeBack() throws {
        let layout = try layout()
        var bytes = layout.bytes
        bytes[layout.offsets[2] + 90] ^= 1
        let disk = SimulatedDisk()
        disk.put(SimulatedLog.path(1), bytes)
        let first = try SimulatedLog(disk)
        #expect(first.recovery.last == LSN(5))
        // As long as the batch that was cut: right behind it the next one of old would fit.
        try first.append(layout.batches[2])
        first.log.close()
        let second = try SimulatedLog(disk.restarted())
        #expect(second.recovery.last == LSN(6))
        #expect(second.recovery.cut == nil)
        second.log.close()
    }

    @Test func damageOfCommittedEntriesIsReportedAndNotCut() throws {
        let layout = try layout()
        var bytes = layout.bytes
        bytes[layout.offsets[2] + 90] ^= 1
        let error = WALError.corruptCommitted(
            segment: "00000000000000000001.wal", offset: UInt64(layout.offsets[2]), lsn: LSN(6), committed: LSN(6),
            reason: "the payload's checksum is wrong")
        #expect(throws: error) { try recover(bytes, committed: LSN(6)) }
        #expect(error.description.contains("provisioned again"))
        #expect(try recover(bytes, committed: LSN(5)).last == LSN(5))
    }

    @Test func committedEntriesThatAreMissingAreReported() throws {
        let layout = try layout()
        #expect(throws: WALError.self) { try recover(layout.bytes, committed: LSN(11)) }
        #expect(throws: WALError.self) { try SimulatedLog(committed: LSN(1)) }
    }

    @Test func eachDamagedByteOfTheSegmentHeaderIsSeen() throws {
        let layout = try layout()
        let used = 80 + 4
        for offset in 0..<used {
            var bytes = layout.bytes
            bytes[offset] ^= 0x10
            // The first segment begins at LSN 1, so there is nothing before it to be unsure of.
            #expect(try recover(bytes).last == .zero, "byte \(offset)")
            #expect(throws: WALError.self) { try recover(bytes, committed: LSN(1)) }
        }
    }

    @Test func aFormatOfTheFutureIsNeverCut() throws {
        let layout = try layout()
        var bytes = layout.bytes
        var header = ByteBuffer(bytes: bytes[layout.offsets[3]..<layout.offsets[4]])
        header.setInteger(UInt8(2), at: 4)
        header.sealHeader()
        bytes.replaceSubrange(layout.offsets[3]..<layout.offsets[4], with: header.readableBytesView)
        #expect(throws: WALError.newerFormat(path: SimulatedLog.path(1), version: 2)) { try recover(bytes) }
    }
}
