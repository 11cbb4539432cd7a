import ClusterCore
import NIOCore

/// Makes transactions of events. Fed by ``DumpStream`` with event bytes as they come; a burst's transactions share one
/// buffer and are slices of it, made when the burst ends.
final class TransactionAssembler {
    private struct Group {
        let gtid: GTID
        let isStandalone: Bool
        /// Pieces that went out before.
        var pieces = 0
    }
    private struct Cut {
        let gtid: GTID
        let part: CapturedTransaction.Part
        let file: String
        let endOffset: UInt64
        let ackWanted: Bool
        let range: Range<Int>
    }

    /// What a burst's buffer begins with.
    private static let burstBytes = 4096...65536

    let fragmentBytesMax: Int
    private(set) var file = ""
    private(set) var offset: UInt64 = 0

    private var group: Group?
    private var cuts: [Cut] = []
    private var bytes: ByteBuffer
    /// Where in `bytes` the uncut rest begins.
    private var start: Int
    /// Where in `bytes` the open event begins; meaningless once a cut went through it.
    private var eventStart: Int
    private let allocator: ByteBufferAllocator

    init(fragmentBytesMax: Int, allocator: ByteBufferAllocator) {
        self.fragmentBytesMax = max(fragmentBytesMax, 1024)
        self.allocator = allocator
        bytes = allocator.buffer(capacity: Self.burstBytes.lowerBound)
        start = bytes.writerIndex
        eventStart = bytes.writerIndex
    }

    var isInsideTransaction: Bool { group != nil }
    var uncutBytes: Int { bytes.writerIndex - start }

    // MARK: Events of transactions

    /// A new transaction begins with this GTID event, which is complete.
    func begin(_ event: GTIDEvent) throws(WireError) {
        if let group {
            throw WireError(.unexpected("GTID \(event.gtid) before the end of \(group.gtid)"))
        }
        group = Group(gtid: event.gtid, isStandalone: event.flags.contains(.standalone))
    }

    /// An event of the open transaction (or its GTID event) begins. Cuts before it when it would not fit.
    func beginEvent(length: Int) {
        if uncutBytes > 0, uncutBytes + length > fragmentBytesMax { cutPiece() }
        eventStart = bytes.writerIndex
    }

    /// Some bytes of the open event; cuts inside it when the fragment is full.
    func append(_ part: UnsafeRawBufferPointer) {
        var rest = part[...]
        while !rest.isEmpty {
            if uncutBytes >= fragmentBytesMax { cutPiece() }
            let count = min(rest.count, fragmentBytesMax - uncutBytes)
            bytes.writeBytes(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
    }

    /// The open event's bytes; only for events that are shorter than a fragment.
    var openEvent: ByteBufferView { bytes.viewBytes(at: eventStart, length: bytes.writerIndex - eventStart)! }

    /// The open event is complete.
    func endEvent(_ header: BinlogEventHeader, ackWanted: Bool) {
        advance(to: header.logPosition)
        guard let group, ends(group, header) else { return }
        cut(group.pieces == 0 ? .whole : .last, of: group, ackWanted: ackWanted)
        self.group = nil
    }

    private func ends(_ group: Group, _ header: BinlogEventHeader) -> Bool {
        if group.isStandalone { return header.type.endsStandaloneGroup }
        switch header.type {
        case .xid, .xaPrepare: return true
        // COMMIT and ROLLBACK are short; a longer event may have been cut and need not be looked at.
        case .query: return header.length < 512 && QueryEvent.isCommitOrRollback(openEvent)
        default: return false
        }
    }

    private func cutPiece() {
        guard var group else { return }
        cut(group.pieces == 0 ? .first : .middle, of: group, ackWanted: false)
        group.pieces += 1
        self.group = group
    }

    private func cut(_ part: CapturedTransaction.Part, of group: Group, ackWanted: Bool) {
        cuts.append(
            Cut(
                gtid: group.gtid, part: part, file: file, endOffset: offset, ackWanted: ackWanted,
                range: start..<bytes.writerIndex))
        start = bytes.writerIndex
    }

    // MARK: Positions

    /// The stream goes on in `file`. A transaction that is open was cut short by its server's death.
    func rotate(to file: String, position: UInt64) {
        abandon()
        self.file = file
        offset = position
    }

    /// Events carry the low 32 bits of their end position. No event is 4 GiB long, so the next higher number with these
    /// bits is the position.
    func advance(to logPosition: UInt32) {
        guard logPosition != 0 else { return }
        var next = offset & ~0xFFFF_FFFF | UInt64(logPosition)
        if next < offset { next += 1 << 32 }
        offset = next
    }

    func abandon() {
        guard let group else { return }
        bytes.moveWriterIndex(to: start)
        if group.pieces > 0 { cut(.abandoned, of: group, ackWanted: false) }
        self.group = nil
    }

    // MARK: Bursts

    /// What was completed since the last call. Hands the buffer over and moves the uncut rest to a new one.
    func take(now: NIODeadline) -> [CapturedTransaction] {
        guard !cuts.isEmpty else { return [] }
        let shared = bytes
        let captured = cuts.map { cut in
            CapturedTransaction(
                gtid: cut.gtid, part: cut.part, file: cut.file, endOffset: cut.endOffset, ackWanted: cut.ackWanted,
                events: shared.getSlice(at: cut.range.lowerBound, length: cut.range.count) ?? ByteBuffer(),
                receivedAt: now)
        }
        cuts.removeAll(keepingCapacity: true)
        let rest = uncutBytes
        // As large as the last burst: whoever keeps one small transaction should not keep a large buffer with it.
        let capacity = min(max(start, Self.burstBytes.lowerBound), Self.burstBytes.upperBound)
        bytes = allocator.buffer(capacity: max(capacity, rest))
        if rest > 0, let slice = shared.getSlice(at: start, length: rest) { bytes.writeImmutableBuffer(slice) }
        eventStart = max(0, eventStart - start)
        start = 0
        return captured
    }
}
