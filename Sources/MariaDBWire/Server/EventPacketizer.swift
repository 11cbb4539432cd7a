import NIOCore

/// Makes binlog packets of a stream of events that may be cut anywhere. An event's length stands in its first 19 bytes,
/// so that the frame's header can be written before the rest is there, and no event is ever held.
struct EventPacketizer {
    private let semiSync: Bool
    /// The number of the next frame.
    private(set) var sequence: UInt8
    /// The replica's position in the file that we claim to read, as it computes it itself (sql/slave.cc, queue_event):
    /// an event's length further, or at the event's own `log_pos` when that is higher.
    private(set) var position: UInt64 = 4
    /// The first bytes of an event whose header is not complete.
    private var head = ByteBuffer()
    private var header: BinlogEventHeader?
    private var eventBytesLeft = 0
    private var frameBytesLeft = 0
    private var frameContinues = false

    init(semiSync: Bool, sequence: UInt8) {
        self.semiSync = semiSync
        self.sequence = sequence
    }

    /// Between two events: only then may something else be sent.
    var isAtBoundary: Bool { eventBytesLeft == 0 && head.readableBytes == 0 }
    private var prefixBytes: Int { semiSync ? 3 : 1 }

    /// Appends the packets of `events` to `output`.
    mutating func write(_ events: ByteBuffer, to output: inout ByteBuffer) throws(WireError) {
        output.reserveCapacity(minimumWritableBytes: events.readableBytes + events.readableBytes / 8 + 64)
        var rest = events
        while rest.readableBytes > 0 {
            if eventBytesLeft > 0 {
                writeBody(&rest, to: &output)
            } else if head.readableBytes == 0, let header = BinlogEventHeader(rest, at: rest.readerIndex) {
                try beginEvent(header, to: &output)
            } else {
                try completeHeader(&rest, to: &output)
            }
        }
    }

    /// Appends an event that is ours and whole; it does not move the replica's position.
    mutating func writeArtificial(_ event: ByteBuffer, to output: inout ByteBuffer) {
        precondition(isAtBoundary, "an artificial event inside another event")
        beginPacket(eventBytes: event.readableBytes, to: &output)
        output.writeImmutableBuffer(event)
        frameBytesLeft = 0
        frameContinues = false
    }

    private mutating func completeHeader(_ rest: inout ByteBuffer, to output: inout ByteBuffer) throws(WireError) {
        let missing = BinlogEventHeader.bytes - head.readableBytes
        guard var part = rest.readSlice(length: min(missing, rest.readableBytes)) else { return }
        head.writeBuffer(&part)
        guard let header = BinlogEventHeader(head, at: head.readerIndex) else { return }
        try beginEvent(header, to: &output)
        var whole = head
        head.clear()
        writeBody(&whole, to: &output)
    }

    private mutating func beginEvent(_ header: BinlogEventHeader, to output: inout ByteBuffer) throws(WireError) {
        let length = Int(header.length)
        guard length >= BinlogEventHeader.bytes + BinlogEventHeader.checksumBytes else {
            throw WireError(.malformed("\(header.type) of \(length) bytes"))
        }
        self.header = header
        eventBytesLeft = length
        beginPacket(eventBytes: length, to: &output)
    }

    private mutating func beginPacket(eventBytes: Int, to output: inout ByteBuffer) {
        beginFrame(packetBytesLeft: prefixBytes + eventBytes, to: &output)
        output.writeInteger(UInt8(0))
        // Semi-sync's magic number, and the flag: no acknowledgement wanted.
        if semiSync { output.writeInteger(UInt16(0x00EF), endianness: .little) }
        frameBytesLeft -= prefixBytes
    }

    private mutating func beginFrame(packetBytesLeft: Int, to output: inout ByteBuffer) {
        frameBytesLeft = min(packetBytesLeft, PacketFraming.payloadBytesMax)
        frameContinues = frameBytesLeft == PacketFraming.payloadBytesMax
        output.writePacketHeader(payloadBytes: frameBytesLeft, sequence: sequence)
        sequence &+= 1
    }

    private mutating func writeBody(_ rest: inout ByteBuffer, to output: inout ByteBuffer) {
        while eventBytesLeft > 0, rest.readableBytes > 0 {
            if frameBytesLeft == 0 { beginFrame(packetBytesLeft: eventBytesLeft, to: &output) }
            let count = min(eventBytesLeft, frameBytesLeft, rest.readableBytes)
            rest.readWithUnsafeReadableBytes { readable in
                output.writeBytes(UnsafeRawBufferPointer(rebasing: readable.prefix(count)))
                return count
            }
            eventBytesLeft -= count
            frameBytesLeft -= count
        }
        guard eventBytesLeft == 0 else { return }
        // A packet that fills its last frame is closed by an empty one.
        if frameContinues { beginFrame(packetBytesLeft: 0, to: &output) }
        if let header { position = max(position + UInt64(header.length), UInt64(header.logPosition)) }
        header = nil
    }
}
