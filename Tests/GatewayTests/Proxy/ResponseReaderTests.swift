import ClusterCore
import MariaDBWire
import NIOCore
import Testing

@testable import Gateway

@Suite("Answers of a database") struct ResponseReaderTests {
    private func packets(_ payloads: [[UInt8]]) -> ByteBuffer {
        var bytes = ByteBuffer()
        for (index, payload) in payloads.enumerated() {
            bytes.writePacket(ByteBuffer(bytes: payload), sequence: UInt8(truncatingIfNeeded: index + 1))
        }
        return bytes
    }

    /// Feeds the bytes in pieces of every size and expects the same events and the same bytes passed on.
    private func events(
        _ bytes: ByteBuffer, _ shape: ResponseShape, _ capabilities: Capabilities, step: Int
    ) -> (kinds: [String], used: Int, ended: Bool) {
        var reader = ResponseReader(shape, capabilities: capabilities)
        var rest = bytes
        var held = ByteBuffer()
        var kinds: [String] = []
        var used = 0
        while let part = rest.readSlice(length: min(step, rest.readableBytes)), part.readableBytes > 0 {
            held.writeImmutableBuffer(part)
            var position = 0
            while true {
                let (end, event) = held.withUnsafeReadableBytes { reader.scan($0, from: position) }
                position = end
                guard let event else { break }
                switch event {
                case .status(let status, _, let isLast): kinds.append("status \(status.warnings) \(isLast)")
                case .error: kinds.append("error")
                case .prepared(let id, _, let isLast): kinds.append("prepared \(id) \(isLast)")
                case .wantsFile: kinds.append("file")
                case .withoutDefinitions: kinds.append("left out")
                case .done: kinds.append("done")
                case .broken: kinds.append("broken")
                }
                if case .broken = event { return (kinds, used + position, false) }
            }
            used += position
            held.moveReaderIndex(forwardBy: position)
        }
        return (kinds, used, reader.isEnded)
    }

    private func check(
        _ payloads: [[UInt8]], _ shape: ResponseShape, _ capabilities: Capabilities = [], gives wanted: [String]
    ) {
        let bytes = packets(payloads)
        for step in [1, 2, 3, 5, 7, 64, 1 << 20] {
            let found = events(bytes, shape, capabilities, step: step)
            #expect(found.kinds == wanted && found.ended && found.used == bytes.readableBytes, "step \(step): \(found)")
        }
    }

    private let ok: [UInt8] = [0, 0, 0, 2, 0, 3, 0]
    private let okMore: [UInt8] = [0, 0, 0, 10, 0, 0, 0]
    private let eof: [UInt8] = [0xFE, 5, 0, 2, 0]
    private let eofCursor: [UInt8] = [0xFE, 0, 0, 0x42, 0]
    private let endOK: [UInt8] = [0xFE, 0, 0, 2, 0, 7, 0]
    private let error: [UInt8] = [0xFF, 0x28, 4] + Array("#42000No".utf8)
    private let column: [UInt8] =
        [3] + Array("def".utf8) + [0, 0, 0, 1, 0x61, 0, 12, 45, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0]

    @Test("OK, ERR, several results, rows with and without EOF packets")
    func results() {
        check([ok], .results, gives: ["status 3 true"])
        check([error], .results, gives: ["error"])
        check([okMore, ok], .results, gives: ["status 0 false", "status 3 true"])
        check([[1], column, eof, [1, 0x31], [0xFB], eof], .results, gives: ["status 5 true"])
        check([[1], column, eof, [1, 0x31], error], .results, gives: ["error"])
        check([[1], column, [1, 0x31], endOK], .results, .deprecateEOF, gives: ["status 7 true"])
        check([[2], column, column, eofCursor], .results, gives: ["status 0 true"])
        check([[1], column, eof, eof], .results, gives: ["status 5 true"])
        check([[0xFB] + Array("/tmp/x".utf8), ok], .results, gives: ["file", "status 3 true"])
        check([[0xFF, 0xFF, 0xFF, 1, 1, 1, 0, 0, 0], ok], .results, gives: ["status 3 true"])
        check([[1, 0], eof, [1, 0x31], eof], .results, .cachedMetadata, gives: ["status 5 true"])
    }

    @Test("Prepared statements, cursors' rows, fields and single packets")
    func others() {
        check([[0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], .prepared, gives: ["prepared 9 true"])
        check(
            [[0, 9, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0], column, column, eof, column, eof], .prepared,
            gives: ["prepared 9 false", "status 5 true"])
        check(
            [[0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], column, eof], .prepared, gives: ["prepared 9 false", "done"])
        check(
            [[0, 9, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0], column, column], .prepared, .deprecateEOF,
            gives: ["prepared 9 false", "done"])
        check(
            [[0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], column], .prepared, .deprecateEOF,
            gives: ["prepared 9 false", "done"])
        check([[0, 1], [0, 2], eof], .rows, gives: ["status 5 true"])
        check([column, column, eof], .fields, gives: ["done"])
        check([Array("Uptime: 1".utf8)], .onePacket, gives: ["done"])
    }

    @Test("Definitions of columns are digested, those of parameters are not")
    func digests() {
        func digest(_ payloads: [[UInt8]], _ shape: ResponseShape, step: Int) -> ColumnsDigest? {
            var reader = ResponseReader(shape, capabilities: .cachedMetadata, digestsColumns: true)
            var rest = packets(payloads)
            var held = ByteBuffer()
            while let part = rest.readSlice(length: min(step, rest.readableBytes)), part.readableBytes > 0 {
                held.writeImmutableBuffer(part)
                var position = 0
                var isMore = true
                while isMore {
                    let (end, event) = held.withUnsafeReadableBytes { reader.scan($0, from: position) }
                    position = end
                    isMore = event != nil
                }
                held.moveReaderIndex(forwardBy: position)
            }
            return reader.columns
        }
        var other = column
        other[other.count - 6] = 8
        let wanted = ColumnsDigest(packets: packets([column, other]))
        for step in [1, 3, 64, 1 << 20] {
            let prepared = digest(
                [[0, 9, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0], other, eof, column, other, eof], .prepared, step: step)
            #expect(prepared == wanted)
            #expect(digest([[2, 1], column, other, eof, [0, 0, 1], eof], .results, step: step) == wanted)
            #expect(digest([[2, 1], other, column, eof, [0, 0, 1], eof], .results, step: step) != wanted)
            #expect(digest([[2, 0], eof, [0, 0, 1], eof], .results, step: step) == nil)
            #expect(digest([ok], .results, step: step) == nil)
        }
    }

    @Test("A row of more than 16 MB is not taken for the end")
    func largeRow() {
        var row: [UInt8] = [0xFE]
        row += [0, 0, 0, 1, 0, 0, 0, 0]
        row += [UInt8](repeating: 0xFF, count: 1 << 24)
        let bytes = packets([[1], column, eof, row, eof])
        for step in [1 << 14, 1 << 26] {
            let found = events(bytes, .results, [], step: step)
            #expect(found.kinds == ["status 5 true"] && found.ended)
        }
    }

    @Test("No bytes make it trap")
    func fuzz() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...60, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) & 0x8F }
            var reader = ResponseReader(
                [.results, .prepared, .rows, .fields, .onePacket].randomElement(using: &generator) ?? .results,
                capabilities: Bool.random(using: &generator) ? .deprecateEOF : [])
            bytes.withUnsafeBytes { view in
                var position = 0
                while case (let end, let event?) = reader.scan(view, from: position) {
                    position = end
                    if case .broken = event { break }
                }
                _ = StatusPacket(view)
                SessionChange.read(view) { _, _ in }
            }
        }
    }

    @Test("A client sees the session changes that it asked for, and no others")
    func filtering() throws {
        var changes = ByteBuffer()
        for (name, value) in [("autocommit", "ON"), ("last_gtid", "0-1-5")] {
            var pair = ByteBuffer()
            pair.writeLengthEncodedString(name)
            pair.writeLengthEncodedString(value)
            changes.writeInteger(UInt8(0))
            changes.writeLengthEncodedInteger(UInt64(pair.readableBytes))
            changes.writeBuffer(&pair)
        }
        var packet = ByteBuffer(bytes: [0, 1, 2, 2, 0x40, 0, 0, 2, 0x68, 0x69])
        packet.writeLengthEncodedInteger(UInt64(changes.readableBytes))
        packet.writeBuffer(&changes)
        let payload = Array(buffer: packet)
        let status = try #require(payload.withUnsafeBytes { StatusPacket($0) })
        #expect(status.affectedRows == 1 && status.lastInsertID == 2)
        let plain = payload.withUnsafeBytes { ClientTracking(isEnabled: false).filtered($0, status) }
        #expect(Array(buffer: plain) == [0, 1, 2, 2, 0, 0, 0, 2, 0x68, 0x69])
        let some = payload.withUnsafeBytes { ClientTracking(isEnabled: true).filtered($0, status) }
        #expect(some.readableBytes == payload.count - 18)
        let all = payload.withUnsafeBytes { ClientTracking(variables: nil, isEnabled: true).filtered($0, status) }
        #expect(Array(buffer: all) == payload)
    }
}
