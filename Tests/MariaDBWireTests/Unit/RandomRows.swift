import ClusterCore
import NIOCore

@testable import MariaDBWire

/// Events of random tables.
enum RandomRows {
    enum Form {
        /// An integer, of 1, 2, 3, 4 or 8 bytes.
        case number(Int)
        /// Decimals of the given precision.
        case decimal(Int)
        /// A VARCHAR, by the bytes of its length (1 or 2).
        case text(Int)
        /// A BLOB, by the bytes of its length.
        case blob(Int)

        var type: UInt8 {
            switch self {
            case .number(let width): [1: 1, 2: 2, 3: 9, 4: 3, 8: 8][width] ?? 8
            case .decimal: 246
            case .text: 15
            case .blob: 252
            }
        }
        var metadata: [UInt8] {
            switch self {
            case .number: []
            case .decimal(let precision): [UInt8(precision), 0]
            case .text(let width): width == 1 ? [200, 0] : [0, 4]
            case .blob(let width): [UInt8(width)]
            }
        }
    }

    struct Table {
        var id: UInt64
        var forms: [Form]

        private func head() -> ByteBuffer {
            var body = ByteBuffer()
            for byte in 0..<6 { body.writeInteger(UInt8(truncatingIfNeeded: id >> UInt64(8 * byte))) }
            body.writeInteger(UInt16(1), endianness: .little)
            return body
        }
        private func count(_ count: Int, to body: inout ByteBuffer) {
            if count < 251 { return _ = body.writeInteger(UInt8(count)) }
            body.writeInteger(UInt8(252))
            body.writeInteger(UInt16(count), endianness: .little)
        }

        func map() -> ByteBuffer {
            var body = head()
            body.writeBytes([1] + Array("d\0".utf8) + [1] + Array("t\0".utf8))
            count(forms.count, to: &body)
            body.writeBytes(forms.map(\.type))
            let metadata = forms.flatMap(\.metadata)
            count(metadata.count, to: &body)
            body.writeBytes(metadata)
            body.writeRepeatingByte(0, count: (forms.count + 7) / 8)
            return EventFactory.event(.tableMap, body: body)
        }

        func inserts(rows: Int, _ random: inout SplitMix64) -> ByteBuffer {
            event(.writeRowsV1, images: 1, rows: rows, &random)
        }

        func event(_ type: BinlogEventType, images: Int, rows: Int, _ random: inout SplitMix64) -> ByteBuffer {
            var body = head()
            count(forms.count, to: &body)
            let isFull = Bool.random(using: &random)
            let present = (0..<images).map { _ in forms.indices.filter { _ in isFull || Bool.random(using: &random) } }
            for image in present {
                var bitmap = [UInt8](repeating: 0, count: (forms.count + 7) / 8)
                for index in image { bitmap[index / 8] |= 1 << UInt8(index % 8) }
                body.writeBytes(bitmap)
            }
            for row in 0..<rows {
                for image in present { self.image(image, row, to: &body, &random) }
            }
            return EventFactory.event(type, body: body)
        }

        private func image(_ present: [Int], _ row: Int, to body: inout ByteBuffer, _ random: inout SplitMix64) {
            let nulls = present.map { _ in Int.random(in: 0..<6, using: &random) == 0 }
            var bitmap = [UInt8](repeating: 0, count: (present.count + 7) / 8)
            for (place, isNull) in nulls.enumerated() where isNull { bitmap[place / 8] |= 1 << UInt8(place % 8) }
            body.writeBytes(bitmap)
            for (index, isNull) in zip(present, nulls) where !isNull {
                value(forms[index], index, row, to: &body, &random)
            }
        }

        private func value(
            _ form: Form, _ column: Int, _ row: Int, to body: inout ByteBuffer, _ random: inout SplitMix64
        ) {
            func little(_ value: UInt64, _ width: Int) {
                for byte in 0..<width { body.writeInteger(UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))) }
            }
            func bytes(_ width: Int, _ longest: Int) {
                // Every second column has few different values.
                let few = column % 2 == 0
                let length = few ? [3, 0, 9][row % 3] : Int.random(in: 0...longest, using: &random)
                little(UInt64(length), width)
                body.writeBytes(
                    (0..<length).map { few ? UInt8($0 + row % 3) : UInt8.random(in: 0...9, using: &random) })
            }
            switch form {
            case .number(let width):
                // Growing, falling or random.
                let value: UInt64 =
                    switch column % 3 {
                    case 0: UInt64(1_000 + row * 3)
                    case 1: UInt64(bitPattern: Int64(20 - row))
                    default: random.next()
                    }
                little(value, width)
            case .decimal(let precision):
                let width = precision / 9 * 4 + [0, 1, 1, 2, 2, 3, 3, 4, 4][precision % 9]
                body.writeBytes((0..<width).map { _ in UInt8.random(in: 0...3, using: &random) })
            case .text(let width): bytes(width, width == 1 ? 40 : 600)
            case .blob(let width): bytes(width, width == 1 ? 200 : 70_000 / 50)
            }
        }
    }

    /// Transactions over several tables whose events interleave.
    static func runs(_ random: inout SplitMix64) -> [ByteBuffer] {
        let tables = (1...Int.random(in: 1...4, using: &random)).map { number in
            let wide = Int.random(in: 0..<12, using: &random) == 0
            return Table(
                id: UInt64(number * 40),
                forms: (0..<Int.random(in: wide ? 250...300 : 1...12, using: &random)).map { _ in
                    switch Int.random(in: 0..<8, using: &random) {
                    case 0...3: .number([1, 2, 3, 4, 8].randomElement(using: &random)!)
                    case 4: .decimal(Int.random(in: 1...65, using: &random))
                    case 5, 6: .text(Int.random(in: 1...2, using: &random))
                    default: .blob(Int.random(in: 1...4, using: &random))
                    }
                })
        }
        return (0..<Int.random(in: 1...4, using: &random)).map { _ in
            var events = [
                EventFactory.gtid("0-1-5"), EventFactory.event(.annotateRows, body: ByteBuffer(string: "update")),
            ]
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let table = tables.randomElement(using: &random)!
                if Int.random(in: 0..<5, using: &random) > 0 { events.append(table.map()) }
                let type = [BinlogEventType.writeRowsV1, .updateRowsV1, .deleteRowsV1].randomElement(using: &random)!
                let rows = Int.random(in: 0...(table.forms.count > 20 ? 5 : 40), using: &random)
                events.append(table.event(type, images: type == .updateRowsV1 ? 2 : 1, rows: rows, &random))
            }
            return EventFactory.concatenated(events + [EventFactory.xid()])
        }
    }

    /// Bytes changed, events cut shorter or longer; the checksums are right again, mostly.
    static func mutated(_ run: ByteBuffer, _ random: inout SplitMix64) -> ByteBuffer {
        var (rest, events) = (run, [ByteBuffer]())
        while let header = BinlogEventHeader(rest, at: rest.readerIndex),
            var event = rest.readSlice(length: Int(header.length))
        {
            event.moveReaderIndex(forwardBy: BinlogEventHeader.bytes)
            var body = event.readSlice(length: event.readableBytes - BinlogEventHeader.checksumBytes) ?? ByteBuffer()
            if Int.random(in: 0..<3, using: &random) == 0 {
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    damage(
                        &body, within: Bool.random(using: &random) ? body.readableBytes : min(40, body.readableBytes),
                        &random)
                }
                if Bool.random(using: &random) {
                    body = body.getSlice(
                        at: body.readerIndex, length: Int.random(in: 0...body.readableBytes, using: &random))!
                }
            }
            events.append(
                EventFactory.event(header.type, end: UInt32.random(in: 0...9_999, using: &random), body: body))
        }
        var all = EventFactory.concatenated(events)
        if Int.random(in: 0..<6, using: &random) == 0 { damage(&all, within: all.readableBytes, &random) }
        return all
    }

    static func damage(_ bytes: inout ByteBuffer, within count: Int, _ random: inout SplitMix64) {
        guard count > 0 else { return }
        bytes.setInteger(
            UInt8.random(in: 0 ... .max, using: &random),
            at: bytes.readerIndex + Int.random(in: 0..<count, using: &random))
    }
}
