import NIOCore

/// What a bulk sender tells the link it works for. On the loop.
protocol BulkSenderOwner: AnyObject {
    /// The shortest of the control line's latest round trips; nil before the first.
    var roundTripMin: TimeAmount? { get }
    /// The receiver has given its first credit: the session can be used.
    func bulkReady()
    /// Half of the queue is free again, or credit has come.
    func bulkWritable()
    /// The session can't go on.
    func bulkFailed(_ reason: String)
}

/// Sends the payloads for one peer in order over the streams of a session, as far as the receiver's credit and the sockets
/// take them, and compresses them when the peer is far away.
///
/// All state is confined to the loop; compressing is not.
final class BulkSender {
    struct Settings {
        var compresses: Bool
        /// Peers with such a round trip or a longer one are compressed for, those with less than half of it are not;
        /// between the two it stays as it was. Zero compresses for all, even before a round trip is known.
        var farFrom: TimeAmount
        var payloads: any BulkPayloads
        /// Payloads that wait here, in bytes as they were handed over.
        var queueBytesMax: Int
        /// Bytes that one socket has not taken.
        var lineBytesMax: Int
    }

    /// What is compressed as one piece, in bytes as handed over; more only when a single payload is larger.
    static let pieceBytes = 256 << 10
    /// How much a piece may be once it is expanded; what goes beyond stays compressed as it was.
    static let expandedBytesMax = 8 << 20

    private struct Payload {
        var parts: [ByteBuffer]
        var bytes: Int
    }

    private let settings: Settings
    private let eventLoop: any EventLoop
    private weak var owner: (any BulkSenderOwner)?
    private var lines: [PeerConnection] = []
    /// What a worker brings back for an earlier session is dropped.
    private var session = 0
    private var peerDecompresses = false
    private var peerKnowsGroups = false
    private var isReady = false
    /// The receiver's first word has come.
    private var hasCredit = false
    private(set) var credit = CreditAccount()
    private var nextSequence: UInt64 = 0
    private var compressor: StreamCompressor?
    private var chooser = LevelChooser()
    private var isFar = false
    private var queue = CircularBuffer<Payload>()
    private var queuedBytes = 0
    /// A worker compresses; these bytes.
    private var isWorking = false
    private var workingBytes = 0
    private var isAdvancing = false
    /// Somebody hands payloads over right now and will see himself how much room there is.
    private var isTaking = false
    private var owesWritable = false
    private(set) var counters = BulkCounters()

    init(_ settings: Settings, on eventLoop: any EventLoop, owner: any BulkSenderOwner) {
        self.settings = settings
        self.eventLoop = eventLoop
        self.owner = owner
    }

    // MARK: The session

    /// Begins a session on these connections, one a stream. It is ready when the receiver's first credit has come, which
    /// may be before the last stream is up here.
    ///
    /// - Precondition: the session before it has been closed.
    func open(_ lines: [PeerConnection]) {
        precondition(self.lines.isEmpty, "a bulk session begins while another is open")
        self.lines = lines
        peerDecompresses = lines.allSatisfy { $0.welcome?.features.contains(.zstd) ?? false }
        peerKnowsGroups = lines.allSatisfy { $0.welcome?.features.contains(.batchGroups) ?? false }
        beginIfReady()
    }

    /// Ends the session; what waits is dropped.
    func close() {
        session += 1
        lines = []
        isReady = false
        hasCredit = false
        credit = CreditAccount()
        nextSequence = 0
        compressor = nil
        queue.removeAll()
        queuedBytes = 0
        isWorking = false
        workingBytes = 0
        owesWritable = false
    }

    func received(credit payload: ByteBuffer) {
        var payload = payload
        do throws(BulkError) {
            credit.receive(try CreditMessage(from: &payload))
        } catch { return fail(error) }
        hasCredit = true
        if !isReady { beginIfReady() }
        advance()
    }

    private func beginIfReady() {
        guard !lines.isEmpty, hasCredit else { return }
        isReady = true
        owner?.bulkReady()
    }

    private func fail(_ error: BulkError) { owner?.bulkFailed(error.description) }

    // MARK: Sending

    private var unsentBytes: Int { lines.reduce(0) { $0 + $1.unsentBytes } }
    private var queueRoom: Int { settings.queueBytesMax - queuedBytes - workingBytes - unsentBytes }

    /// How many bytes may be handed over until the queue's bound or the end of the credit is reached.
    var capacity: Int {
        guard isReady else { return 0 }
        return max(0, min(queueRoom, credit.bytesLeft - queuedBytes - workingBytes))
    }

    /// What was handed over and no socket has taken.
    var pendingBytes: Int { queuedBytes + workingBytes + unsentBytes }

    /// - Returns: false, and nothing is taken, when ``capacity`` is 0.
    func send(_ parts: [ByteBuffer], bytes: Int) -> Bool {
        guard capacity > 0 else {
            owesWritable = true
            return false
        }
        queue.append(Payload(parts: parts, bytes: bytes))
        queuedBytes += bytes
        isTaking = true
        advance()
        isTaking = false
        return true
    }

    /// Goes on as far as it goes: call it when a socket or the credit has room again.
    func advance() {
        // A socket that takes what it is given at once calls back here.
        guard !isAdvancing else { return }
        isAdvancing = true
        while isReady, !isWorking, !queue.isEmpty, credit.hasRoom, let line = freestLine() {
            if compresses { startJob() } else { sendStored(on: line) }
        }
        isAdvancing = false
        tellIfWritable()
    }

    private func tellIfWritable() {
        if capacity == 0 || queueRoom < settings.queueBytesMax / 2 {
            if isReady { owesWritable = true }
        } else if owesWritable, !isTaking {
            owesWritable = false
            owner?.bulkWritable()
        }
    }

    /// The stream with the least unsent bytes, unless even that has enough.
    private func freestLine() -> PeerConnection? {
        guard let line = lines.min(by: { $0.unsentBytes < $1.unsentBytes }) else { return nil }
        return line.unsentBytes < settings.lineBytesMax ? line : nil
    }

    private func sendStored(on line: PeerConnection) {
        let payload = queue.removeFirst()
        queuedBytes -= payload.bytes
        emit(.stored, payload.parts, cost: payload.bytes, rawBytes: payload.bytes, on: line)
    }

    private func emit(_ form: BulkForm, _ parts: [ByteBuffer], cost: Int, rawBytes: Int, on line: PeerConnection) {
        let header = BulkFrame.header(sequence: nextSequence, form: form, cost: cost, rawBytes: rawBytes)
        nextSequence += 1
        credit.spend(cost)
        let wireBytes = parts.reduce(FrameHeader.byteCount + header.readableBytes) { $0 + $1.readableBytes }
        counters.add(rawBytes: rawBytes, wireBytes: wireBytes)
        line.send(.bulk, [header] + parts)
    }

    // MARK: Compressing

    /// Whether payloads are compressed now, and at which level.
    var compressionLevel: Int? { isFar && settings.compresses && peerDecompresses ? chooser.level : nil }

    private var compresses: Bool {
        guard settings.compresses, peerDecompresses else { return false }
        guard settings.farFrom > .zero else {
            isFar = true
            return true
        }
        guard let roundTrip = owner?.roundTripMin else { return false }
        if roundTrip >= settings.farFrom { isFar = true }
        if roundTrip.nanoseconds < settings.farFrom.nanoseconds / 2 { isFar = false }
        return isFar
    }

    private func startJob() {
        do throws(BulkError) { if compressor == nil { compressor = try StreamCompressor() } } catch {
            return fail(error)
        }
        guard let compressor else { return }
        var payloads: [[ByteBuffer]] = []
        isWorking = true
        while let next = queue.first, payloads.isEmpty || workingBytes + next.bytes <= BulkSender.pieceBytes {
            payloads.append(next.parts)
            workingBytes += next.bytes
            queuedBytes -= next.bytes
            queue.removeFirst()
        }
        let job = CompressionJob(
            payloads: payloads, level: chooser.level, compressor: compressor, content: settings.payloads,
            groups: peerKnowsGroups)
        let session = session
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        LinkWorkers.run(on: eventLoop, job.run) { result, time in
            loopBound.value.finished(result, time, session: session)
        }
    }

    private func finished(
        _ result: Result<CompressionJob.Piece, BulkError>, _ time: TimeAmount, session: Int
    ) {
        guard session == self.session else { return }
        isWorking = false
        switch result {
        case .failure(let error): fail(error)
        case .success(let piece):
            let cost = max(workingBytes, piece.content.readableBytes)
            workingBytes = 0
            guard let line = lines.min(by: { $0.unsentBytes < $1.unsentBytes }) else { return }
            emit(.zstd, [piece.content], cost: cost, rawBytes: piece.rawBytes, on: line)
            chooser.note(
                rawBytes: piece.rawBytes, wireBytes: piece.content.readableBytes, busy: time, now: .now(),
                receiverLimits: !credit.hasRoom)
            advance()
        }
    }
}

/// What went over a link's bulk lines since it exists.
public struct BulkCounters: Sendable, Equatable {
    /// Before and after the link's compression; afterwards headers are included.
    public var rawBytes: UInt64 = 0
    public var wireBytes: UInt64 = 0

    mutating func add(rawBytes: Int, wireBytes: Int) {
        self.rawBytes += UInt64(rawBytes)
        self.wireBytes += UInt64(wireBytes)
    }
}

/// What a worker does for a sender.
struct CompressionJob: Sendable {
    let payloads: [[ByteBuffer]]
    let level: Int
    let compressor: StreamCompressor
    let content: any BulkPayloads
    /// Whether the peer understands groups of batches.
    let groups: Bool

    struct Piece: Sendable {
        var content: ByteBuffer
        var rawBytes: Int
    }

    func run() throws(BulkError) -> Piece {
        var parts: [ByteBuffer] = []
        var rawBytes = 0
        for payload in payloads {
            let expanded: [ByteBuffer]
            do {
                expanded = try content.expand(
                    payload, bytesMax: max(0, BulkSender.expandedBytesMax - rawBytes), groups: groups)
            } catch { throw .content("\(error)") }
            let length = expanded.reduce(0) { $0 + $1.readableBytes }
            parts.append(ByteBuffer(integer: UInt32(length)))
            parts += expanded
            rawBytes += MemoryLayout<UInt32>.size + length
        }
        return Piece(content: try compressor.compress(parts, level: level, areSorted: groups), rawBytes: rawBytes)
    }
}
