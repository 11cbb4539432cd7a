import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// The bytes of format version 1, as the README has them: they may not change, for other nodes and older files have them too.
@Suite struct FormatTests {
    private func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func batch() throws -> Batch {
        let source = SourcePosition(file: "bin.1", offset: 0x1234)
        return try Batch.encode(
            [
                .transaction(GTID(domain: 1, server: 2, sequence: 3), source: source, events: ByteBuffer(string: "ab")),
                .transaction(GTID(domain: 1, server: 2, sequence: 4), source: source, events: ByteBuffer()),
                .transaction(GTID(domain: 0, server: 9, sequence: 1), events: ByteBuffer(string: "c")),
            ], first: LSN(7), term: Term(5), codec: .none)
    }

    @Test func aBatch() throws {
        let expected = [
            "57534231", "01", "02", "00", "00", "64000000", "03000000", "0700000000000000", "0500000000000000",
            "28000000", "28000000", "ea7f4859", "02000000",
            "01000000", "02000000", "0300000000000000", "0400000000000000",
            "00000000", "09000000", "0100000000000000", "0100000000000000", "1341bf90",
            "01", "3412000000000000", "05", "62696e2e31", "02000000", "6162",
            "03", "3412000000000000", "00000000",
            "00", "01000000", "63",
        ].joined()
        #expect(hex(try batch().bytes.readableBytesView) == expected)
    }

    @Test func aSegmentHeader() throws {
        let log = try SimulatedLog()
        let state = try #require(GTIDState("0-1-2,3-4-5"))
        try log.log.reset(to: Log.Base(lsn: LSN(41), term: Term(6), state: state))
        log.log.close()
        let bytes = try #require(log.disk.contents(SimulatedLog.path(42)))
        let expected = [
            "5757414c53454731", "01000000", "00100000", "2a00000000000000", "0600000000000000", "40420f0000000000",
            "00000000", "02000000", String(repeating: "00", count: 32), "00000000", "01000000", "0200000000000000",
            "03000000", "04000000", "0500000000000000", "dd242d3b", String(repeating: "00", count: 10),
        ].joined()
        #expect(hex(bytes.prefix(126)) == expected)
    }
}
