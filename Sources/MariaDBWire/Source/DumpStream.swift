import ClusterCore
import NIOCore

/// Reads what follows COM_BINLOG_DUMP: packets of `00`, with semi-sync `EF` and a flag byte, and one event each. Events
/// are passed on while they arrive, so that the largest needs no more memory than a fragment; every checksum is verified.
struct DumpStream {
    /// The longest event that is looked at as a whole (GTID, ROTATE, FORMAT_DESCRIPTION) and the longest ERR packet.
    static let controlBytesMax = 64 * 1024
    private static let semiSyncMagic: UInt8 = 0xEF

    private struct OpenEvent {
        let header: BinlogEventHeader
        let ackWanted: Bool
        /// Belongs to a transaction; otherwise only its checksum counts.
        let isCaptured: Bool
        /// How many of its bytes are still to come, and how many of those before the checksum.
        var bytesLeft: Int
        var summedBytesLeft: Int
        var checksum = EventChecksum()
        var trailer: UInt32 = 0
    }

    private let semiSync: Bool
    private let assembler: TransactionAssembler
    private var inbound = ByteBuffer()
    /// The frame that is being read: what is left of it, and whether another continues its packet.
    private var frameBytesLeft = 0
    private var frameContinues = false
    private var event: OpenEvent?
    /// The FORMAT_DESCRIPTION event of the current file, header and checksum included; nil before the first.
    private(set) var formatDescription: ByteBuffer?

    init(semiSync: Bool, fragmentBytesMax: Int, allocator: ByteBufferAllocator) {
        self.semiSync = semiSync
        assembler = TransactionAssembler(fragmentBytesMax: fragmentBytesMax, allocator: allocator)
    }

    /// The server has accepted the dump.
    var isEstablished: Bool { formatDescription != nil }
    var file: String { assembler.file }
    var offset: UInt64 { assembler.offset }
    /// How much it holds: bytes that wait for more, and the unfinished fragment.
    var heldBytes: Int { inbound.readableBytes + assembler.uncutBytes }

    func take(now: NIODeadline) -> [CapturedTransaction] { assembler.take(now: now) }
    /// The connection is gone: what is unfinished is void.
    func abandon() { assembler.abandon() }

    mutating func receive(_ bytes: ByteBuffer) throws(BinlogSourceError) {
        if inbound.readableBytes == 0 {
            inbound = bytes
        } else {
            inbound.writeImmutableBuffer(bytes)
        }
        while try step() {}
        // Never more than a packet's prefix or a control event, so that the next append copies little.
        if inbound.readableBytes == 0 { inbound = ByteBuffer() } else { inbound.discardReadBytes() }
    }

    /// Uses up some of `inbound`; false when it needs more bytes.
    private mutating func step() throws(BinlogSourceError) -> Bool {
        guard frameBytesLeft > 0 else { return try readFrameHeader() }
        return event == nil ? try readPacketStart() : try readEventBody()
    }

    private mutating func readFrameHeader() throws(BinlogSourceError) -> Bool {
        guard let header = inbound.readInteger(endianness: .little, as: UInt32.self) else { return false }
        let continuesPacket = frameContinues
        frameBytesLeft = Int(header & 0xFF_FFFF)
        frameContinues = frameBytesLeft == PacketFraming.payloadBytesMax
        switch (continuesPacket, event != nil) {
        case (true, true), (false, false):
            guard frameBytesLeft > 0 else { throw Self.violation("empty packet in the binlog stream") }
        case (true, false):
            // A packet that was a multiple of the limit ends with an empty frame.
            guard frameBytesLeft == 0 else { throw Self.violation("packet longer than its event") }
        case (false, true): throw Self.violation("packet shorter than its event")
        }
        return true
    }

    // MARK: The start of a packet

    private mutating func readPacketStart() throws(BinlogSourceError) -> Bool {
        guard let status = inbound.getInteger(at: inbound.readerIndex, as: UInt8.self) else { return false }
        guard status == 0x00 else { return try readFarewell(status) }
        let prefixBytes = semiSync ? 3 : 1
        guard frameBytesLeft >= prefixBytes + BinlogEventHeader.bytes else {
            throw Self.violation("packet of \(frameBytesLeft) bytes has no room for an event")
        }
        let start = inbound.readerIndex
        guard let header = BinlogEventHeader(inbound, at: start + prefixBytes) else { return false }
        let ackWanted = semiSync ? try readSemiSyncFlag(at: start + 1) : false
        let length = Int(header.length)
        let frameEventBytes = frameBytesLeft - prefixBytes
        guard length >= BinlogEventHeader.bytes + BinlogEventHeader.checksumBytes,
            frameContinues ? length >= frameEventBytes : length == frameEventBytes
        else { throw Self.violation("event of \(length) bytes in a packet of \(frameEventBytes)") }

        if isControl(header.type) {
            guard length <= Self.controlBytesMax else { throw Self.violation("\(header.type) of \(length) bytes") }
            guard inbound.readableBytes >= prefixBytes + length else { return false }
            inbound.moveReaderIndex(forwardBy: prefixBytes)
            frameBytesLeft = 0
            guard let whole = inbound.readSlice(length: length) else { return false }
            try handleControl(header, whole, ackWanted: ackWanted)
        } else {
            inbound.moveReaderIndex(forwardBy: prefixBytes)
            frameBytesLeft -= prefixBytes
            try open(header, ackWanted: ackWanted)
        }
        return true
    }

    private func readSemiSyncFlag(at index: Int) throws(BinlogSourceError) -> Bool {
        guard let (magic, flag) = inbound.getMultipleIntegers(at: index, as: (UInt8, UInt8).self),
            magic == Self.semiSyncMagic
        else { throw BinlogSourceError(.semiSyncRefused, "the server's events have no semi-sync header") }
        return flag & 1 != 0
    }

    /// ERR, or EOF when the server stops sending without an error.
    private mutating func readFarewell(_ status: UInt8) throws(BinlogSourceError) -> Bool {
        guard frameBytesLeft <= Self.controlBytesMax else { throw Self.violation("packet of status \(status)") }
        guard let payload = inbound.getSlice(at: inbound.readerIndex, length: frameBytesLeft) else { return false }
        switch status {
        case 0xFF:
            let error: ServerError
            do throws(WireError) { error = try ServerError(payload) } catch { throw BinlogSourceError(error) }
            throw .replication(error)
        case 0xFE: throw BinlogSourceError(.disconnected, "the server ended the stream")
        default: throw Self.violation("packet of status \(status)")
        }
    }

    // MARK: Events that are looked at as a whole

    private func isControl(_ type: BinlogEventType) -> Bool {
        switch type {
        case .gtid, .rotate, .formatDescription: true
        default: false
        }
    }

    private mutating func handleControl(
        _ header: BinlogEventHeader, _ event: ByteBuffer, ackWanted: Bool
    ) throws(BinlogSourceError) {
        try verify(header, event)
        let bodyBytes = event.readableBytes - BinlogEventHeader.bytes - BinlogEventHeader.checksumBytes
        guard let body = event.getSlice(at: event.readerIndex + BinlogEventHeader.bytes, length: bodyBytes) else {
            throw Self.violation("short \(header.type)")
        }
        switch header.type {
        case .rotate:
            guard let rotate = RotateEvent(body: body) else { throw Self.violation("malformed ROTATE event") }
            // The one at a file's end, with a position in that file, is followed by an artificial one.
            if header.isArtificial || header.timestamp == 0 {
                assembler.rotate(to: rotate.file, position: rotate.position)
            }
        case .formatDescription:
            guard let format = FormatDescription(body: body) else {
                throw Self.violation("malformed FORMAT_DESCRIPTION event")
            }
            guard format.checksum == .crc32 else {
                throw BinlogSourceError(.checksumsOff, "binlog file \(assembler.file) has no checksums")
            }
            formatDescription = ByteBuffer(bytes: event.readableBytesView)
            assembler.advance(to: header.logPosition)
        default:
            guard let gtid = GTIDEvent(header: header, body: body) else { throw Self.violation("malformed GTID event") }
            do throws(WireError) { try assembler.begin(gtid) } catch { throw BinlogSourceError(error) }
            assembler.beginEvent(length: event.readableBytes)
            event.withUnsafeReadableBytes { assembler.append($0) }
            assembler.endEvent(header, ackWanted: ackWanted)
        }
    }

    private func verify(_ header: BinlogEventHeader, _ event: ByteBuffer) throws(BinlogSourceError) {
        guard let summed = event.getSlice(at: event.readerIndex, length: event.readableBytes - 4),
            let trailer = event.getInteger(at: event.writerIndex - 4, endianness: .little, as: UInt32.self)
        else { throw Self.violation("short \(header.type)") }
        var checked = summed
        if header.type == .formatDescription {
            // The server clears the flag in what it sends, not in the checksum's input, or the other way round.
            let flags = header.flags & ~BinlogEventHeader.inUseFlag
            checked.setInteger(flags, at: checked.readerIndex + 17, endianness: .little)
        }
        guard EventChecksum.of(checked) == trailer else { throw corrupt(header) }
    }

    // MARK: Events that are passed on as they come

    private mutating func open(_ header: BinlogEventHeader, ackWanted: Bool) throws(BinlogSourceError) {
        let isCaptured = assembler.isInsideTransaction && header.type.isGroupEvent
        if !isCaptured, header.type.isGroupEvent, header.flags & BinlogEventHeader.ignorableFlag == 0 {
            throw Self.violation("\(header.type) outside a transaction")
        }
        if isCaptured { assembler.beginEvent(length: Int(header.length)) }
        event = OpenEvent(
            header: header, ackWanted: ackWanted, isCaptured: isCaptured, bytesLeft: Int(header.length),
            summedBytesLeft: Int(header.length) - BinlogEventHeader.checksumBytes)
    }

    private mutating func readEventBody() throws(BinlogSourceError) -> Bool {
        guard var open = event else { return true }
        let count = min(frameBytesLeft, inbound.readableBytes)
        guard count > 0 else { return false }
        guard count <= open.bytesLeft else { throw Self.violation("packet longer than its event") }
        let assembler = self.assembler
        inbound.readWithUnsafeReadableBytes { readable in
            let part = UnsafeRawBufferPointer(rebasing: readable.prefix(count))
            let summed = min(count, open.summedBytesLeft)
            open.checksum.update(UnsafeRawBufferPointer(rebasing: part.prefix(summed)))
            for byte in part.dropFirst(summed) { open.trailer = open.trailer >> 8 | UInt32(byte) << 24 }
            open.summedBytesLeft -= summed
            if open.isCaptured { assembler.append(part) }
            return count
        }
        open.bytesLeft -= count
        frameBytesLeft -= count
        guard open.bytesLeft == 0 else {
            event = open
            return true
        }
        event = nil
        guard frameBytesLeft == 0 else { throw Self.violation("packet longer than its event") }
        guard open.checksum.value == open.trailer else { throw corrupt(open.header) }
        if open.isCaptured {
            assembler.endEvent(open.header, ackWanted: open.ackWanted)
        } else if open.header.type != .heartbeat {
            assembler.advance(to: open.header.logPosition)
        }
        return true
    }

    private static func violation(_ what: String) -> BinlogSourceError {
        BinlogSourceError(.protocolViolation, what)
    }

    private func corrupt(_ header: BinlogEventHeader) -> BinlogSourceError {
        BinlogSourceError(
            .corruptEvent, "\(header.type) ending at \(header.logPosition) of \(assembler.file) has a wrong checksum")
    }
}
