import MariaDBWire
import NIOCore

/// What the answer to a command looks like.
enum ResponseShape: Equatable, Sendable {
    /// OK, ERR, a request for a local file, or result sets with rows in text or binary form.
    case results
    /// The answer to COM_STMT_PREPARE.
    case prepared
    /// Rows of an open cursor.
    case rows
    /// Column definitions up to an EOF.
    case fields
    /// One packet, whatever it is.
    case onePacket
}

/// Finds in a stream of packets from a server where an answer ends and what it says about the session, looking at headers and first
/// bytes only: rows pass unread, in any number and size. (MariaDB knowledge base, "Client/Server Protocol".)
///
/// Pure: bytes in, events out. Bytes that are no answer give ``Event/broken(_:)``, never a trap.
struct ResponseReader {
    enum Event: Equatable {
        /// An OK packet, or the EOF packet that closes rows or columns; the range is its payload's.
        case status(StatusPacket, payload: Range<Int>, isLast: Bool)
        case error(payload: Range<Int>)
        /// The head of a result set whose columns' definitions are left out, because the server counts on the client to have them
        /// (only with ``ResponseReader/tellsOmissions``).
        case withoutDefinitions(payload: Range<Int>)
        case prepared(statementID: UInt32, payload: Range<Int>, isLast: Bool)
        /// LOAD DATA LOCAL: the server wants the file; its OK or ERR follows.
        case wantsFile(payload: Range<Int>)
        /// The end of an answer that has nothing to tell.
        case done
        case broken(String)
    }

    private enum Phase: Equatable {
        case head
        case columns(left: UInt64, hasRows: Bool)
        case columnsEnd(hasRows: Bool)
        case rows
        case preparedHead
        case parameters(left: Int, columns: Int)
        case parametersEnd(columns: Int)
        case fields
        case one
        case ended
    }

    /// No OK, EOF or ERR packet is larger than this; one that says so is no answer.
    static let statusBytesMax = 16 << 20

    private let deprecatesEOF: Bool
    private let cachesMetadata: Bool
    private var phase: Phase
    /// Bytes of the packet under way that are still to pass.
    private var skip = 0
    /// Whether the next packet continues the one before (its length was the maximum).
    private var continues = false
    /// Whether the packet under way will continue.
    private var willContinue = false
    private let digestsColumns: Bool
    private var digest = ColumnsDigest()
    /// Whether the packet under way is a column's definition to be digested.
    private var isDigested = false
    /// What the definitions of columns that came last came to; nil when there were none, or nobody asked.
    private(set) var columns: ColumnsDigest?
    var tellsOmissions = false

    /// - Parameter digestsColumns: whether ``columns`` is wanted.
    init(_ shape: ResponseShape, capabilities: Capabilities, digestsColumns: Bool = false) {
        self.digestsColumns = digestsColumns
        deprecatesEOF = capabilities.contains(.deprecateEOF)
        cachesMetadata = capabilities.contains(.cachedMetadata)
        phase =
            switch shape {
            case .results: .head
            case .prepared: .preparedHead
            case .rows: .rows
            case .fields: .fields
            case .onePacket: .one
            }
    }

    var isEnded: Bool { phase == .ended && skip == 0 }

    /// Reads on from `start` until something is to be told or the bytes end.
    ///
    /// - Returns: up to where the bytes were understood. With an event that has a payload, its end. Bytes beyond it are to be given
    ///   again together with those that follow.
    mutating func scan(_ bytes: UnsafeRawBufferPointer, from start: Int) -> (end: Int, event: Event?) {
        var position = start
        while !isEnded {
            if skip > 0 {
                let step = min(skip, bytes.count - position)
                if isDigested { digest.add(UnsafeRawBufferPointer(rebasing: bytes[position..<(position + step)])) }
                skip -= step
                position += step
                if skip > 0 { return (position, nil) }
                if isDigested { columns = digest }
                // The last definition of a statement that is prepared, where no EOF packet follows it.
                if phase == .ended { return (position, .done) }
                continue
            }
            guard bytes.count - position >= PacketFraming.headerBytes else { return (position, nil) }
            let count = Int(bytes[position]) | Int(bytes[position + 1]) << 8 | Int(bytes[position + 2]) << 16
            let payload = position + PacketFraming.headerBytes
            willContinue = count == PacketFraming.payloadBytesMax
            if continues {
                skip = count
                continues = willContinue
                position = payload
                continue
            }
            guard count > 0 else {
                // An empty packet stands nowhere but at the end of what continues.
                return (position, .broken("an empty packet"))
            }
            guard bytes.count > payload else { return (position, nil) }
            if isBulk(first: bytes[payload], count: count) {
                skip = count
                continues = willContinue
                position = payload
                isDigested = digestsColumns && isColumn
                passed()
                continue
            }
            guard count < Self.statusBytesMax - 1 else {
                return (position, .broken("a status packet of \(count) bytes"))
            }
            guard bytes.count - payload >= count else { return (position, nil) }
            let end = payload + count
            let event = read(UnsafeRawBufferPointer(rebasing: bytes[payload..<end]), payload..<end)
            position = end
            if let event { return (end, event) }
        }
        return (position, nil)
    }

    /// Whether the packet can pass unread: a row, a column's definition, a cursor's row.
    private func isBulk(first: UInt8, count: Int) -> Bool {
        switch phase {
        case .rows:
            if first == 0xFF { return false }
            // A row may begin with FE too: a value of 16 MB or more, whose packet is then of full size.
            return !(first == 0xFE && (deprecatesEOF ? count < PacketFraming.payloadBytesMax : count < 9))
        case .columns, .parameters: return first != 0xFF
        case .fields: return first != 0xFF && !(first == 0xFE && count < PacketFraming.payloadBytesMax)
        case .head, .columnsEnd, .preparedHead, .parametersEnd, .one, .ended: return false
        }
    }

    private var isColumn: Bool {
        if case .columns = phase { true } else { false }
    }

    /// A packet that needed no reading has been found.
    private mutating func passed() {
        switch phase {
        case .columns(let left, let hasRows):
            if left > 1 {
                phase = .columns(left: left - 1, hasRows: hasRows)
            } else if deprecatesEOF {
                phase = hasRows ? .rows : .ended
            } else {
                phase = .columnsEnd(hasRows: hasRows)
            }
        case .parameters(let left, let columns):
            if left > 1 {
                phase = .parameters(left: left - 1, columns: columns)
            } else if deprecatesEOF {
                phase = columns > 0 ? .columns(left: UInt64(columns), hasRows: false) : .ended
            } else {
                phase = .parametersEnd(columns: columns)
            }
        case .head, .columnsEnd, .rows, .preparedHead, .parametersEnd, .fields, .one, .ended: break
        }
    }

    private mutating func read(_ payload: UnsafeRawBufferPointer, _ range: Range<Int>) -> Event? {
        let first = payload[0]
        if phase == .one {
            phase = .ended
            if first == 0xFF { return .error(payload: range) }
            if first == 0x00 || first == 0xFE, let status = StatusPacket(payload) {
                return .status(status, payload: range, isLast: true)
            }
            return .done
        }
        if first == 0xFF {
            // 0xFFFF is a progress report before the real answer.
            if payload.count >= 3, payload[1] == 0xFF, payload[2] == 0xFF { return nil }
            phase = .ended
            return .error(payload: range)
        }
        switch phase {
        case .head: return head(payload, range)
        case .columnsEnd(let hasRows): return columnsEnd(payload, range, hasRows: hasRows)
        case .rows: return rowsEnd(payload, range)
        case .preparedHead: return preparedHead(payload, range)
        case .parametersEnd(let columns):
            phase = columns > 0 ? .columns(left: UInt64(columns), hasRows: false) : .ended
            return phase == .ended ? .done : nil
        case .fields:
            phase = .ended
            return .done
        case .columns, .parameters, .one, .ended: return .broken("a packet out of place")
        }
    }

    private mutating func head(_ payload: UnsafeRawBufferPointer, _ range: Range<Int>) -> Event? {
        switch payload[0] {
        case 0x00, 0xFE: return finish(payload, range)
        case 0xFB: return .wantsFile(payload: range)
        default:
            var reader = ByteReader(payload)
            guard let count = reader.lengthEncoded(), count > 0, count <= 0xFFFF else {
                return .broken("a column count")
            }
            // With cached metadata a byte says whether the definitions follow.
            guard cachesMetadata, reader.byte() == 0 else {
                digest = ColumnsDigest()
                phase = .columns(left: count, hasRows: true)
                return nil
            }
            phase = deprecatesEOF ? .rows : .columnsEnd(hasRows: true)
            return tellsOmissions ? .withoutDefinitions(payload: range) : nil
        }
    }

    private mutating func columnsEnd(
        _ payload: UnsafeRawBufferPointer, _ range: Range<Int>, hasRows: Bool
    ) -> Event? {
        guard let status = StatusPacket(payload) else { return .broken("the end of columns") }
        // With a cursor the rows are fetched later.
        let isLast = !hasRows || status.flags.contains(.cursorExists)
        phase = isLast ? .ended : .rows
        return isLast ? .status(status, payload: range, isLast: true) : nil
    }

    private mutating func rowsEnd(_ payload: UnsafeRawBufferPointer, _ range: Range<Int>) -> Event? {
        finish(payload, range)
    }

    private mutating func finish(_ payload: UnsafeRawBufferPointer, _ range: Range<Int>) -> Event? {
        guard let status = StatusPacket(payload) else { return .broken("an OK packet") }
        let isLast = !status.flags.contains(.moreResults)
        phase = isLast ? .ended : .head
        return .status(status, payload: range, isLast: isLast)
    }

    private mutating func preparedHead(_ payload: UnsafeRawBufferPointer, _ range: Range<Int>) -> Event? {
        var reader = ByteReader(payload)
        guard reader.byte() == 0, let id = reader.integer(bytes: 4), let columns = reader.integer(bytes: 2),
            let parameters = reader.integer(bytes: 2)
        else { return .broken("the answer to a prepare") }
        if parameters > 0 {
            phase = .parameters(left: Int(parameters), columns: Int(columns))
        } else {
            phase = columns > 0 ? .columns(left: columns, hasRows: false) : .ended
        }
        return .prepared(statementID: UInt32(id), payload: range, isLast: phase == .ended)
    }
}
