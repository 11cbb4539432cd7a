import ClusterCore
import Logging
import NIOCore

/// Takes in the bulk that one peer sends: a session over one or several streams, put into order, decompressed, and handed
/// on. Gives the peer as much credit as the window and the owner's backlog allow.
///
/// All state is confined to the loop; decompressing is not.
final class BulkReceiver {
    private struct Waiting {
        var frame: BulkFrame
        var session: UInt64
        /// Nil for what is not compressed.
        var decompressor: StreamDecompressor?
    }

    let peer: NodeNumber
    private weak var network: PeerNetwork?
    private let logger: Logger
    private let rawBytesMax: Int
    private let windowBytes: Int
    private let payloads: any BulkPayloads

    private var session: UInt64 = 0
    private var streams: [UInt8: PeerConnection] = [:]
    private var streamsWanted = 0
    private var isComplete = false
    private var grant: CreditGrant
    private var reassembly = Reassembly()
    private var decompressor: StreamDecompressor?
    /// In order, across sessions: what an earlier one brought in full is not asked for again.
    private var queue = CircularBuffer<Waiting>()
    /// Of `queue`, what belongs to sessions that have ended.
    private var staleBytes = 0
    private var isWorking = false

    init(from peer: NodeNumber, network: PeerNetwork) {
        self.peer = peer
        self.network = network
        let configuration = network.configuration
        logger = configuration.logger
        rawBytesMax = 2 * configuration.bulkFrameBytesMax
        windowBytes = configuration.windowBytes
        payloads = configuration.payloads
        grant = CreditGrant(windowBytes: windowBytes)
    }

    var lines: [PeerConnection] { Array(streams.values) }
    /// Whether all streams of the session are there.
    var isConnected: Bool { isComplete }

    // MARK: The session

    /// Takes in an accepted connection; the first one with another session id ends the session before it.
    func add(_ connection: PeerConnection) {
        guard let stream = connection.hello?.stream else { return connection.close(reason: "it names no bulk session") }
        if stream.session != session || streamsWanted == 0 {
            end(reason: "replaced by a newer session of the same member")
            session = stream.session
            streamsWanted = Int(stream.count)
        }
        guard Int(stream.count) == streamsWanted, streams[stream.index] == nil else {
            return connection.close(reason: "stream \(stream.index) of its session is there already")
        }
        streams[stream.index] = connection
        guard streams.count == streamsWanted else { return }
        isComplete = true
        tellCredit(first: true)
    }

    /// A connection is gone: with it its session, since what was on its way there is lost.
    func remove(_ connection: PeerConnection) {
        guard streams.values.contains(where: { $0 === connection }) else { return }
        end(reason: "another stream of its session is down")
    }

    func end(reason: String) {
        let lines = lines
        streams = [:]
        streamsWanted = 0
        isComplete = false
        staleBytes = queue.reduce(0) { $0 + $1.frame.cost }
        grant = CreditGrant(windowBytes: windowBytes)
        reassembly = Reassembly()
        decompressor = nil
        for line in lines { line.close(reason: reason) }
    }

    /// The peer is none any more: what it sent is dropped.
    func abandon(reason: String) {
        end(reason: reason)
        queue.removeAll()
        staleBytes = 0
    }

    private func fail(_ error: BulkError) {
        logger.warning("the bulk session with member \(peer) begins anew: \(error)")
        end(reason: error.description)
    }

    // MARK: Frames

    func received(_ payload: ByteBuffer, on connection: PeerConnection) {
        guard streams.values.contains(where: { $0 === connection }) else { return }
        do throws(BulkError) {
            let frame = try BulkFrame(payload, rawBytesMax: rawBytesMax)
            try grant.receive(cost: frame.cost)
            for ready in try reassembly.insert(frame) {
                queue.append(Waiting(frame: ready, session: session, decompressor: try context(for: ready)))
            }
        } catch { return fail(error) }
        advance()
    }

    private func context(for frame: BulkFrame) throws(BulkError) -> StreamDecompressor? {
        switch frame.form {
        case .stored: return nil
        case .zstd:
            if let decompressor { return decompressor }
            let made = try StreamDecompressor()
            decompressor = made
            return made
        }
    }

    private func advance() {
        while !isWorking, let next = queue.first {
            if let decompressor = next.decompressor {
                start(next, decompressor)
            } else {
                queue.removeFirst()
                deliver([next.frame.content], of: next)
            }
        }
        tellCredit()
    }

    private func start(_ waiting: Waiting, _ decompressor: StreamDecompressor) {
        isWorking = true
        let job = DecompressionJob(frame: waiting.frame, decompressor: decompressor, content: payloads)
        guard let network else { return }
        let loopBound = NIOLoopBound(self, eventLoop: network.eventLoop)
        LinkWorkers.run(on: network.eventLoop, job.run) { result, _ in loopBound.value.finished(result) }
    }

    private func finished(_ result: Result<[ByteBuffer], BulkError>) {
        isWorking = false
        guard let waiting = queue.popFirst() else { return }
        switch result {
        case .success(let payloads): deliver(payloads, of: waiting)
        case .failure(let error):
            // What follows in that session can't be decompressed either.
            let failed = waiting.session
            queue.removeAll { $0.session == failed }
            staleBytes = queue.reduce(0) { $0 + ($1.session == session ? 0 : $1.frame.cost) }
            if failed == session, streamsWanted > 0 { fail(error) }
        }
        advance()
    }

    private func deliver(_ payloads: [ByteBuffer], of waiting: Waiting) {
        if waiting.session == session, streamsWanted > 0 {
            grant.take(cost: waiting.frame.cost)
        } else {
            staleBytes = max(0, staleBytes - waiting.frame.cost)
        }
        guard let network else { return }
        for payload in payloads { network.delegate?.peerNetwork(network, bulk: payload, from: peer) }
    }

    // MARK: Credit

    /// Call it when the owner holds less than before.
    func tellCredit(first: Bool = false) {
        guard isComplete, let network, let line = streams[0] else { return }
        let held = network.bulkHeldBytes + staleBytes
        guard let message = grant.next(heldBytes: held, obstacle: network.bulkObstacle, isFirst: first) else { return }
        var payload = ByteBuffer()
        message.write(to: &payload)
        line.send(.credit, [payload])
    }
}

/// What a worker does for a receiver.
struct DecompressionJob: Sendable {
    let frame: BulkFrame
    let decompressor: StreamDecompressor
    let content: any BulkPayloads

    func run() throws(BulkError) -> [ByteBuffer] {
        var raw = try decompressor.decompress(frame.content, rawBytes: frame.rawBytes)
        var payloads: [ByteBuffer] = []
        while raw.readableBytes > 0 {
            guard let length = raw.readInteger(as: UInt32.self), let payload = raw.readSlice(length: Int(length)) else {
                throw .malformed("a payload ends beyond its frame")
            }
            do { payloads.append(try content.pack(payload)) } catch { throw .content("\(error)") }
        }
        return payloads
    }
}
