import ClusterCore
import Logging
import NIOCore
import NIOPosix

/// What a ``BinlogSource`` tells its owner; always on the source's event loop.
public protocol BinlogSourceDelegate: AnyObject, Sendable {
    /// The transactions, and pieces of one, that a read burst completed; never empty, in binlog order.
    func binlogSource(_ source: BinlogSource, captured transactions: [CapturedTransaction])
    /// The server is alive: bytes of any kind came. At most once a burst, before its transactions.
    func binlogSourceAlive(_ source: BinlogSource)
    /// The stream has ended, once; nil after ``BinlogSource/close()``. A transaction whose `last` has not come is void.
    func binlogSourceClosed(_ source: BinlogSource, error: BinlogSourceError?)
}

/// A replica's connection to a MariaDB server: streams its transactions and holds their commits until acknowledged.
///
/// With `semiSync` and the server's `rpl_semi_sync_master_wait_point=AFTER_SYNC`, a transaction whose
/// ``CapturedTransaction/ackWanted`` is set is not committed before ``acknowledge(file:offset:)``. The start position
/// itself counts as acknowledged for the server (FACTS 1.7): start only at what a quorum has.
///
/// Bound to its event loop; all methods are for that loop. The connection keeps the source alive until it is closed;
/// the delegate is held weakly.
public final class BinlogSource: @unchecked Sendable {  // all state is confined to `eventLoop`
    public struct Configuration: Sendable {
        public var address: ServerAddress
        public var credentials: Credentials
        /// Unlike the server's own and unlike that of any other replica of it, which it would replace.
        public var serverID: UInt32
        /// The stream begins after these transactions; empty means at the first that the server still has.
        public var start: GTIDPosition
        public var semiSync: Bool
        /// The most bytes that one ``CapturedTransaction`` carries, at least 1 KiB.
        public var fragmentBytesMax: Int
        /// The server asks for nothing more than the start position to exist when this is off (Galera, FACTS 4.4).
        public var gtidStrictMode: Bool
        /// How long the server may be idle before it says that it lives.
        public var heartbeat: Duration
        /// Ends the source when nothing at all came for this long while it reads; nil leaves that to the owner. Must
        /// exceed the heartbeat and the time in which the server finds `start` in its binlog (it is silent meanwhile).
        public var silenceMax: Duration?
        /// From the first packet to the stream.
        public var connectTimeout: Duration
        public var logger: Logger

        public init(
            address: ServerAddress, credentials: Credentials, serverID: UInt32, start: GTIDPosition, semiSync: Bool,
            fragmentBytesMax: Int = 1 << 20, gtidStrictMode: Bool = true, heartbeat: Duration = .seconds(1),
            silenceMax: Duration? = nil, connectTimeout: Duration = .seconds(10), logger: Logger
        ) {
            self.address = address
            self.credentials = credentials
            self.serverID = serverID
            self.start = start
            self.semiSync = semiSync
            self.fragmentBytesMax = fragmentBytesMax
            self.gtidStrictMode = gtidStrictMode
            self.heartbeat = heartbeat
            self.silenceMax = silenceMax
            self.connectTimeout = connectTimeout
            self.logger = logger
        }
    }

    public let configuration: Configuration
    public let eventLoop: any EventLoop
    weak var delegate: (any BinlogSourceDelegate)?
    let channel: any Channel
    let established: EventLoopPromise<BinlogSource>
    /// Until the server streams.
    var handshake: Handshake?
    var stream: DumpStream
    var packets = PacketDecoder(payloadBytesMax: 1 << 20)
    var inbound = ByteBuffer()
    var isEstablished = false
    var isClosed = false
    var isReading = true
    var lastRead: NIODeadline
    var watchdog: Scheduled<Void>?
    public internal(set) var connectionID: UInt32 = 0

    enum Handshake {
        case login(ClientLogin)
        case replication(DumpHandshake)
    }

    init(_ configuration: Configuration, channel: any Channel, delegate: any BinlogSourceDelegate) {
        self.configuration = configuration
        self.channel = channel
        self.delegate = delegate
        eventLoop = channel.eventLoop
        lastRead = channel.eventLoop.now
        established = channel.eventLoop.makePromise()
        handshake = .login(ClientLogin(configuration.credentials))
        stream = DumpStream(
            semiSync: configuration.semiSync, fragmentBytesMax: configuration.fragmentBytesMax,
            allocator: channel.allocator)
    }

    /// The FORMAT_DESCRIPTION event of the file that is being read, header and checksum included.
    public var formatDescription: ByteBuffer? {
        eventLoop.assertInEventLoop()
        return stream.formatDescription
    }
    /// The binlog file that is being read, and how far.
    public var file: String { stream.file }
    public var offset: UInt64 { stream.offset }

    /// Tells the server that everything up to `offset` of `file` may commit. Both as a ``CapturedTransaction`` with
    /// `ackWanted` gave them; they need not be of this connection (FACTS 1.8).
    public func acknowledge(file: String, offset: UInt64) {
        eventLoop.assertInEventLoop()
        guard isEstablished, !isClosed, configuration.semiSync else { return }
        let name = file.utf8.prefix(511)
        var packet = channel.allocator.buffer(capacity: 13 + name.count)
        packet.writePacketHeader(payloadBytes: 9 + name.count, sequence: 0)
        packet.writeInteger(UInt8(0xEF))
        packet.writeInteger(offset, endianness: .little)
        packet.writeBytes(name)
        channel.writeAndFlush(packet, promise: nil)
    }

    /// Stops or resumes reading the socket. Off, the server is held back by TCP; a burst that has been read already is
    /// still delivered.
    public func setReading(_ on: Bool) {
        eventLoop.assertInEventLoop()
        guard on != isReading, !isClosed else { return }
        isReading = on
        lastRead = eventLoop.now
        channel.setOption(.autoRead, value: on).assumeIsolated().whenFailure { [self] error in
            end(BinlogSourceError(.disconnected, "cannot switch reading: \(error)"))
        }
    }

    /// Ends the stream. Commits that wait for an acknowledgement go on waiting at the server.
    public func close() {
        eventLoop.assertInEventLoop()
        end(nil)
    }
}
