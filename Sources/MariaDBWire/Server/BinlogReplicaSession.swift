import ClusterCore
import Logging
import NIOCore

/// A replica that is being streamed to. Bound to its event loop; all methods are for that loop.
public final class BinlogReplicaSession: @unchecked Sendable {  // all state is confined to `eventLoop`
    /// Where the replica wants to go on: the last transaction of each domain that it has.
    public let position: GTIDPosition
    public let replicaServerID: UInt32
    /// Without it the replica silently skips transactions that bear its own server id (FACTS 3.4).
    public let isSemiSync: Bool
    /// The thread id that the replica knows this connection by.
    public let connectionID: UInt32
    public let eventLoop: any EventLoop

    /// The name of the one file that we claim to read. It never changes: a replica that sees another name than it has
    /// noted takes its primary for crashed (sql/slave.cc, queue_event).
    static let file = "wolfscale.000001"

    private let channel: any Channel
    private let artificial: ArtificialEvents
    private let logger: Logger
    private let heartbeat: TimeAmount?
    private let pendingBytesMax: Int
    private var packetizer: EventPacketizer
    private var pending: ByteBuffer
    private var lastWrite: NIODeadline
    private var heartbeatTask: Scheduled<Void>?
    private(set) var isClosed = false
    /// The channel may report itself writable in the middle of a flush: whoever flushes sees that afterwards by itself.
    private(set) var isFlushing = false
    /// Bytes of events that were sent, without their packets' headers.
    public private(set) var sentBytes: UInt64 = 0

    init(
        _ request: ReplicaCommands.Request, connectionID: UInt32, channel: any Channel,
        configuration: BinlogServer.Configuration
    ) {
        position = request.position ?? GTIDPosition()
        replicaServerID = request.serverID
        isSemiSync = request.semiSync
        self.connectionID = connectionID
        self.channel = channel
        eventLoop = channel.eventLoop
        lastWrite = channel.eventLoop.now
        logger = configuration.logger
        artificial = ArtificialEvents(serverID: configuration.serverID, serverVersion: configuration.serverVersion)
        heartbeat = request.heartbeat.map(TimeAmount.init)
        pendingBytesMax = configuration.pendingBytesMax
        packetizer = EventPacketizer(semiSync: request.semiSync, sequence: 1)
        pending = channel.allocator.buffer(capacity: 4096)
    }

    /// What every stream begins with (FACTS 3.2).
    func begin(formatDescription: ByteBuffer?) {
        packetizer.writeArtificial(artificial.rotate(file: Self.file, position: 4), to: &pending)
        let format = formatDescription.flatMap(artificial.formatDescription(like:)) ?? artificial.formatDescription()
        packetizer.writeArtificial(format, to: &pending)
        packetizer.writeArtificial(artificial.gtidList(), to: &pending)
        flush()
        scheduleHeartbeat()
    }

    /// The raw events of one whole transaction, or its next piece; pieces may be cut inside an event. Kept until
    /// ``flush()``, or until they are many. Bytes that are no events close the session: the replica would stop for good at them.
    public func send(events: ByteBuffer) {
        eventLoop.assertInEventLoop()
        guard !isClosed else { return }
        do throws(WireError) {
            try packetizer.write(events, to: &pending)
            sentBytes += UInt64(events.readableBytes)
            if pending.readableBytes >= pendingBytesMax { flush() }
        } catch {
            logger.error("the relay was given bytes that are no events: \(error)")
            close()
        }
    }

    /// Sends what ``send(events:)`` collected.
    public func flush() {
        eventLoop.assertInEventLoop()
        guard !isClosed, pending.readableBytes > 0 else { return }
        lastWrite = eventLoop.now
        let packets = pending
        pending = channel.allocator.buffer(capacity: 4096)
        isFlushing = true
        channel.writeAndFlush(packets, promise: nil)
        isFlushing = false
    }

    /// Whether the replica keeps up. When not, send no more until the delegate's `writable`, which comes only after
    /// this was false when a send or flush returned.
    public var isWritable: Bool {
        eventLoop.assertInEventLoop()
        return !isClosed && channel.isWritable
    }

    /// Ends the stream; the replica connects again after its MASTER_CONNECT_RETRY.
    public func close() {
        eventLoop.assertInEventLoop()
        markClosed()
        channel.close(promise: nil)
    }

    /// Ends the stream with an error. Errno 1236 makes the replica's I/O thread stop for good. Inside an event there is
    /// no place for an error: then the connection is just closed.
    public func close(error code: UInt16, sqlState: String, message: String) {
        eventLoop.assertInEventLoop()
        guard !isClosed else { return }
        if packetizer.isAtBoundary {
            var payload = channel.allocator.buffer(capacity: 64)
            ServerError(code: code, sqlState: sqlState, message: message).write(to: &payload)
            pending.writePacket(payload, sequence: packetizer.sequence)
            flush()
        }
        close()
    }

    func markClosed() {
        isClosed = true
        heartbeatTask?.cancel()
    }

    private func scheduleHeartbeat() {
        guard let heartbeat, !isClosed else { return }
        let delay = max(.milliseconds(1), lastWrite + heartbeat - eventLoop.now)
        heartbeatTask = eventLoop.assumeIsolated().scheduleTask(in: delay) { [self] in
            // One that cannot be sent now waits for the next turn: between two pieces of an event it would break it.
            if eventLoop.now - lastWrite >= heartbeat, packetizer.isAtBoundary, channel.isWritable {
                let event = artificial.heartbeat(file: Self.file, position: packetizer.position)
                packetizer.writeArtificial(event, to: &pending)
                flush()
            }
            if eventLoop.now - lastWrite >= heartbeat { lastWrite = eventLoop.now }
            scheduleHeartbeat()
        }
    }
}
