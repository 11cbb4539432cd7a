import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

@Suite struct BatchTests {
    @Test(arguments: Codec.allCases) func roundTrip(codec: Codec) throws {
        let entries = [
            Sample.transaction(7), Sample.transaction(8, size: 0), Sample.transaction(20),
            Sample.transaction(9, server: 2),
            Sample.transaction(1, domain: 5, size: 3000),
            .transaction(Sample.gtid(10, server: 2), events: ByteBuffer(string: "no source")),
            .transaction(
                Sample.gtid(11, server: 2), source: SourcePosition(file: "binlog.000002", offset: .max),
                events: ByteBuffer()),
        ]
        let batch = try Batch.encode(entries, first: LSN(100), term: Term(3), codec: codec)
        var wire = batch.bytes
        let parsed = try Batch(parsing: &wire, bytesMax: 1 << 20)
        #expect(wire.readableBytes == 0)
        #expect(parsed == batch)
        #expect(try parsed.entries() == entries)
        #expect(parsed.last == LSN(106))
        #expect(
            parsed.gtidRanges == [
                GTIDRange(domain: 0, server: 1, first: 7, last: 8),
                GTIDRange(domain: 0, server: 1, first: 20, last: 20),
                GTIDRange(domain: 0, server: 2, first: 9, last: 9), GTIDRange(domain: 5, server: 1, first: 1, last: 1),
                GTIDRange(domain: 0, server: 2, first: 10, last: 11),
            ])
        for (index, entry) in entries.enumerated() { #expect(parsed.gtid(at: LSN(100) + index) == entry.gtid) }
        #expect(parsed.gtid(at: LSN(99)) == nil)
        #expect(parsed.gtid(at: LSN(107)) == nil)
    }

    @Test func everyKindStandsAlone() throws {
        let gtid = Sample.gtid(1)
        let kinds: [(Entry, BatchKind)] = [
            (.noOp, .noOp), (.membership(ByteBuffer(string: "{}")), .membership),
            (.fragment(.first, of: gtid, events: Sample.body(10)), .fragmentFirst),
            (.fragment(.middle, of: gtid, events: Sample.body(10)), .fragmentMiddle),
            (.fragment(.last, of: gtid, events: Sample.body(10)), .fragmentLast),
        ]
        for (entry, kind) in kinds {
            let batch = try Sample.batch(1, [entry])
            #expect(batch.kind == kind)
            #expect(try batch.entries() == [entry])
            #expect(throws: WALError.self) { try Sample.batch(1, [entry, entry]) }
            #expect(throws: WALError.self) { try Sample.batch(1, [Sample.transaction(1), entry]) }
        }
    }

    @Test func incompressibleBodiesAreStoredAsTheyAre() throws {
        var random = SplitMix64(seed: 1)
        let noise = ByteBuffer(bytes: (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) })
        let batch = try Sample.batch(1, [.transaction(Sample.gtid(1), events: noise)], codec: .lz4)
        #expect(batch.header.codec == .none)
        #expect(batch.header.storedBytes == batch.header.rawBytes)
        let text = ByteBuffer(string: String(repeating: "wolf ", count: 1000))
        let small = try Sample.batch(1, [.transaction(Sample.gtid(1), events: text)], codec: .lz4)
        #expect(small.header.codec == .lz4)
        #expect(small.bytes.readableBytes < 200)
    }

    @Test func refusesWhatCannotBeABatch() throws {
        #expect(throws: WALError.invalidEntries("there are none")) { try Sample.batch(1, []) }
        #expect(throws: WALError.self) { try Sample.batch(0, [.noOp]) }
        #expect(throws: WALError.self) { try Sample.batch(1, [Entry(kind: .transaction, body: ByteBuffer())]) }
        #expect(throws: WALError.self) {
            try Sample.batch(1, [Entry(kind: .fragment, gtid: Sample.gtid(1), body: ByteBuffer())])
        }
        #expect(throws: WALError.self) {
            try Sample.batch(1, [Entry(kind: .noOp, gtid: Sample.gtid(1), body: ByteBuffer())])
        }
        let tooMany = (0...UInt64(Batch.entriesMax)).map { Sample.transaction($0, size: 0) }
        #expect(
            throws: WALError.tooLarge(what: "entries in a batch", actual: Batch.entriesMax + 1, limit: Batch.entriesMax)
        ) { try Sample.batch(1, tooMany) }
        let name = String(repeating: "n", count: 256)
        #expect(throws: WALError.self) {
            try Sample.batch(
                1, [.transaction(Sample.gtid(1), source: SourcePosition(file: name, offset: 4), events: ByteBuffer())])
        }
        let huge = ByteBuffer(repeating: 0, count: Batch.rawBytesMax)
        #expect(throws: WALError.self) { try Sample.batch(1, [.transaction(Sample.gtid(1), events: huge)]) }
    }

    @Test func theReceiverSetsTheLimit() throws {
        let batch = try Sample.transactions(1...10)
        var wire = batch.bytes
        let size = wire.readableBytes
        #expect(throws: WALError.invalidBatch(.tooLarge(bytes: size, limit: size - 1))) {
            try Batch(parsing: &wire, bytesMax: size - 1)
        }
        #expect(wire.readableBytes == size)
        _ = try Batch(parsing: &wire, bytesMax: size)
    }

    @Test func severalBatchesFollowEachOther() throws {
        let batches = [
            try Sample.transactions(1...10), try Sample.batch(11, [.noOp]), try Sample.transactions(11...12, first: 12),
        ]
        var wire = ByteBuffer(string: "before")
        wire.moveReaderIndex(forwardBy: 6)
        for batch in batches { wire.writeImmutableBuffer(batch.bytes) }
        for batch in batches { #expect(try Batch(parsing: &wire, bytesMax: .max) == batch) }
        #expect(throws: WALError.invalidBatch(.incomplete(needed: 12, available: 0))) {
            try Batch(parsing: &wire, bytesMax: .max)
        }
    }
}
