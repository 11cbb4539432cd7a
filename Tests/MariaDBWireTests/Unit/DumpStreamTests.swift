import ClusterCore
import NIOCore
import Testing

@testable import MariaDBWire

@Suite struct DumpStreamTests {
    private typealias Make = EventFactory

    @Test(arguments: [1, 2, 3, 5, 26, 27, 1000, 1 << 20], [true, false])
    func anyCutGivesTheSameTransactions(_ pieceBytes: Int, _ semiSync: Bool) throws {
        let first = [Make.gtid("0-1-7", end: 100), Make.rows(300, end: 400), Make.xid(end: 450)]
        let second = [Make.gtid("1-2-8", end: 500, flags: .standalone), Make.query("CREATE TABLE t (i INT)", end: 600)]
        let third = [Make.gtid("0-1-8", end: 650), Make.rows(9, end: 660), Make.query("COMMIT", end: 700)]
        let list = [Make.artificial.gtidList(), Make.artificial.heartbeat(file: "binlog.000007", position: 700)]
        let checkpoint = Make.event(.binlogCheckpoint, end: 710, body: ByteBuffer(bytes: [1, 0, 0, 0, 65]))
        let events =
            first.enumerated().map { ($1, $0 == 2) } + second.enumerated().map { ($1, $0 == 1) }
            + list.map { ($0, false) } + third.enumerated().map { ($1, $0 == 2) } + [(checkpoint, false)]
        var stream = DumpStream.make(semiSync: semiSync)
        let captured = try stream.feed(Make.stream(semiSync: semiSync, events), pieceBytes: pieceBytes)
        #expect(captured.map(\.gtid.description) == ["0-1-7", "1-2-8", "0-1-8"])
        #expect(captured.map(\.part) == [.whole, .whole, .whole])
        #expect(captured.map(\.endOffset) == [450, 600, 700])
        #expect(captured.map(\.ackWanted) == [semiSync, semiSync, semiSync])
        #expect(captured.allSatisfy { $0.file == "binlog.000007" })
        #expect(captured.map(\.events) == [first, second, third].map(Make.concatenated))
        #expect(stream.offset == 710)
        #expect(stream.heldBytes == 0)
        #expect(stream.formatDescription == Make.artificial.formatDescription())
    }

    /// Fragments are bounded, together they are the exact bytes, and they are cut between events where that is possible.
    @Test(arguments: [1024, 1500, 4096, 100_000], [17, 5000, 1 << 20])
    func largeTransactionsComeInPieces(_ fragmentBytesMax: Int, _ pieceBytes: Int) throws {
        let events =
            [Make.gtid("0-1-7")] + (0..<20).map { Make.rows($0 * 137) } + [Make.rows(50_000), Make.rows(3), Make.xid()]
        var stream = DumpStream.make(fragmentBytesMax: fragmentBytesMax)
        let all = events.enumerated().map { (event: $1, ack: $0 == events.count - 1) }
        let captured = try stream.feed(Make.stream(all), pieceBytes: pieceBytes)
        #expect(Make.concatenated(captured.map(\.events)) == Make.concatenated(events))
        #expect(captured.allSatisfy { (1...fragmentBytesMax).contains($0.events.readableBytes) })
        if captured.count == 1 {
            #expect(captured[0].part == .whole)
        } else {
            #expect(captured.first?.part == .first)
            #expect(captured.last?.part == .last)
            #expect(captured.dropFirst().dropLast().allSatisfy { $0.part == .middle })
        }
        #expect(captured.map(\.ackWanted) == captured.map { $0.part == .last || $0.part == .whole })
        #expect(Set(captured.map(\.gtid)) == [GTID("0-1-7")!])
    }

    /// An event of more than 16 MiB in continued packets, also one that fills its frames exactly.
    @Test(arguments: [-1, 0, 1, 5_000_000]) func eventsContinueInFurtherPackets(_ more: Int) throws {
        let overhead = BinlogEventHeader.bytes + BinlogEventHeader.checksumBytes + 3
        let rows = Make.event(
            .writeRowsV1, body: ByteBuffer(repeating: 0xA5, count: 2 * PacketFraming.payloadBytesMax - overhead + more))
        let events = [Make.gtid("0-1-7"), rows, Make.xid(), Make.gtid("0-1-8"), Make.xid()]
        var stream = DumpStream.make()
        let captured = try stream.feed(
            Make.stream(events.map { ($0, false) }), pieceBytes: 200_000)
        let pieces = captured.filter { $0.gtid.sequence == 7 }
        #expect(Make.concatenated(pieces.map(\.events)) == Make.concatenated(Array(events[..<3])))
        #expect(pieces.allSatisfy { $0.events.readableBytes <= 1 << 20 })
        #expect(captured.last?.gtid == GTID("0-1-8"))
        #expect(captured.last?.part == .whole)
    }

    @Test func offsetsGoBeyond32Bits() throws {
        let ends: [UInt32] = [4_000_000_000, 4_294_967_290, 100, 3_000_000_000, 50]
        let events = ends.enumerated().flatMap { index, end in
            [Make.gtid("0-1-\(index + 1)"), Make.event(.xid, end: end, body: ByteBuffer(integer: UInt64(1)))]
        }
        var stream = DumpStream.make()
        let captured = try stream.feed(Make.stream(events.map { ($0, false) }), pieceBytes: 1 << 20)
        let wrap: UInt64 = 1 << 32
        #expect(
            captured.map(\.endOffset) == [
                4_000_000_000, 4_294_967_290, wrap + 100, wrap + 3_000_000_000, 2 * wrap + 50,
            ])
    }

    @Test func aTransactionCutShortByACrashIsVoid() throws {
        let next = Make.artificial.rotate(file: "binlog.000008", position: 4)
        let whole = [Make.gtid("0-1-8"), Make.rows(10), Make.xid()]
        for (rowBytes, parts) in [(100, [.whole]), (5000, [.first, .middle, .abandoned, .whole])]
            as [(Int, [CapturedTransaction.Part])]
        {
            let cut = [Make.gtid("0-1-7"), Make.rows(rowBytes), Make.rows(rowBytes / 3)]
            let events = cut + [next, Make.artificial.formatDescription()] + whole
            var stream = DumpStream.make(fragmentBytesMax: 4096)
            let captured = try stream.feed(Make.stream(events.map { ($0, false) }), pieceBytes: 700)
            #expect(captured.map(\.part) == parts)
            #expect(captured.last?.events == Make.concatenated(whole))
            #expect(captured.last?.file == "binlog.000008")
        }
    }

    @Test func rotationChangesTheFile() throws {
        let events = [
            Make.gtid("0-1-7"), Make.xid(end: 900),
            // The real ROTATE at a file's end names the next file with a position that is not this one's.
            Make.event(
                .rotate, end: 950, body: ByteBuffer(bytes: [4, 0, 0, 0, 0, 0, 0, 0] + Array("binlog.000008".utf8))),
            Make.artificial.rotate(file: "binlog.000008", position: 4), Make.artificial.formatDescription(),
            Make.gtid("0-1-8"), Make.xid(end: 400),
        ]
        var stream = DumpStream.make()
        let captured = try stream.feed(Make.stream(events.map { ($0, false) }), pieceBytes: 50)
        #expect(captured.map(\.file) == ["binlog.000007", "binlog.000008"])
        #expect(captured.map(\.endOffset) == [900, 400])
    }

    @Test func xaPrepareEndsItsGroup() throws {
        let prepare = [
            Make.gtid("0-1-7", flags: [.preparedXA, .transactional]), Make.rows(20),
            Make.event(.xaPrepare, body: ByteBuffer(repeating: 1, count: 20)),
        ]
        let commit = [
            Make.gtid("0-1-8", flags: [.standalone, .completedXA]), Make.query("XA COMMIT X'61',X'',1"),
        ]
        var stream = DumpStream.make()
        let captured = try stream.feed(Make.stream((prepare + commit).map { ($0, false) }), pieceBytes: 64)
        #expect(captured.map(\.events) == [prepare, commit].map(Make.concatenated))
    }

    /// A text that merely ends in the word does not end a transaction; types of the future are carried.
    @Test func carriesWhatItDoesNotKnow() throws {
        let events = [
            Make.gtid("0-1-7"), Make.query("INSERT INTO t VALUES ('COMMIT')"), Make.query("SAVEPOINT a COMMIT"),
            Make.event(BinlogEventType(rawValue: 199), body: ByteBuffer(repeating: 9, count: 77)),
            Make.query("ROLLBACK"),
        ]
        var stream = DumpStream.make()
        let captured = try stream.feed(Make.stream(events.map { ($0, false) }), pieceBytes: 33)
        #expect(captured.map(\.events) == [Make.concatenated(events)])
    }

    @Test(arguments: [1, 40, 1 << 20], [true, false]) func readsWhatAServerWrote(
        _ pieceBytes: Int, _ semiSync: Bool
    ) throws {
        let events = FuzzTests.split(RealEvents.bytes).map { (event: $0, ack: false) }
        var stream = DumpStream.make(semiSync: semiSync)
        let captured = try stream.feed(
            Make.stream(position: UInt64(RealEvents.fileOffset), semiSync: semiSync, events), pieceBytes: pieceBytes)
        #expect(captured.map(\.gtid.description) == ["0-1-1", "0-1-2", "0-1-3", "0-1-4", "0-1-5", "5-1-1"])
        #expect(captured.allSatisfy { $0.part == .whole })
        #expect(Make.concatenated(captured.map(\.events)) == RealEvents.bytes)
        var end = RealEvents.fileOffset
        for transaction in captured {
            end += transaction.events.readableBytes
            #expect(transaction.endOffset == UInt64(end))
        }
    }

    // MARK: What must not pass

    private func failure(_ events: [ByteBuffer], change: (inout ByteBuffer) -> Void = { _ in }) -> BinlogSourceError? {
        var bytes = Make.stream(events.map { ($0, false) })
        change(&bytes)
        for pieceBytes in [1, 1 << 20] {
            var stream = DumpStream.make()
            do throws(BinlogSourceError) { _ = try stream.feed(bytes, pieceBytes: pieceBytes) } catch { return error }
        }
        return nil
    }

    @Test func everyWrongBitIsSeen() throws {
        let events = [Make.gtid("0-1-7"), Make.rows(40), Make.xid()]
        let head = Make.stream([]).readableBytes
        let whole = Make.stream(events.map { ($0, false) })
        for index in head..<whole.readableBytes {
            for bit in [UInt8(1), 0x80] {
                var bytes = whole
                let byte: UInt8 = bytes.getInteger(at: index)!
                bytes.setInteger(byte ^ bit, at: index)
                var stream = DumpStream.make()
                do throws(BinlogSourceError) {
                    let captured = try stream.feed(bytes, pieceBytes: 1 << 20)
                    // Sequence numbers are not looked at, a flag may change, a longer packet waits for more.
                    #expect(captured.isEmpty || captured[0].events == Make.concatenated(events))
                } catch {
                    #expect(error.code != .disconnected || byte == 0)
                }
            }
        }
    }

    @Test func refusesWhatTheProtocolDoesNotAllow() {
        let twice = failure([Make.gtid("0-1-7"), Make.gtid("0-1-8")])
        #expect(twice?.code == .protocolViolation)
        #expect(failure([Make.rows(10)])?.code == .protocolViolation)
        var wrong = Make.rows(10)
        wrong.setInteger(UInt8(0xFF), at: 25)
        #expect(failure([Make.gtid("0-1-7"), wrong])?.code == .corruptEvent)
        #expect(failure([], change: { $0.setInteger(UInt8(0xEE), at: 5) })?.code == .semiSyncRefused)
        #expect(failure([], change: { $0.writeBytes([5, 0, 0, 9, 0, 0xEF, 0, 1, 1]) })?.code == .protocolViolation)
        #expect(failure([], change: { $0.writeBytes([0, 0, 0, 9]) })?.code == .protocolViolation)
        #expect(failure([], change: { $0.writeBytes([1, 0, 0, 9, 0xFE]) })?.code == .disconnected)
        var payload = ByteBuffer()
        ServerError(code: 1236, sqlState: "HY000", message: "purged").write(to: &payload)
        #expect(failure([], change: { $0.writePacket(payload, sequence: 9) })?.code == .positionPurged)
    }

    @Test func refusesFilesWithoutChecksums() {
        var format = Make.artificial.formatDescription()
        format.moveWriterIndex(to: format.writerIndex - 5)
        format.writeInteger(UInt8(0))
        format.writeInteger(EventChecksum.of(format), endianness: .little)
        #expect(failure([format])?.code == .checksumsOff)
    }
}
