import MariaDBWire
import NIOCore

/// One command of a client on its way. A class, since it is looked at in every step; confined to its session's event loop.
final class ClientCommand: @unchecked Sendable {  // all state is confined to the loop
    let command: UInt8
    /// Its packet, or as much of a large one as was there when it was begun.
    var packet: ByteBuffer
    var summary: StatementSummary
    /// What the answer looks like; nil for commands without one.
    var shape: ResponseShape?
    /// The prepared statement that it is about.
    let statement: PreparedStatement?
    /// Whether ``packet`` is all of it: only then can it be sent again.
    let isWhole: Bool
    /// Set for what a replica could not do.
    var wantsLeader = false
    /// Whether the replica is known to hold what this read must see.
    var hasAwaited = false
    /// Sent to a database, whose answer is awaited.
    var isSent = false
    /// Bytes of the answer have gone to the client: nothing can be taken back.
    var isAnswered = false
    /// For KILL CONNECTION: the session that ends when a server has taken it.
    var victim: ProxySession?

    init(
        command: UInt8, packet: ByteBuffer, summary: StatementSummary, shape: ResponseShape?,
        statement: PreparedStatement? = nil, isWhole: Bool = true
    ) {
        self.command = command
        self.packet = packet
        self.summary = summary
        self.shape = shape
        self.statement = statement
        self.isWhole = isWhole
    }

    /// For COM_STMT_PREPARE: the text.
    var text: ByteBuffer? {
        packet.getSlice(
            at: packet.readerIndex + PacketFraming.headerBytes + 1,
            length: packet.readableBytes - PacketFraming.headerBytes - 1)
    }

    /// Done twice it does no more than done once: it may be asked again when a database is lost.
    var isRead: Bool {
        guard isWhole else { return false }
        return command == Command.prepare || (summary.route < .asBefore && summary.effects.isEmpty)
    }

    /// One statement that a read-only server refuses before it has done anything, or undoes wholly.
    var isRefusedWholly: Bool {
        isWhole && summary.isSingle && summary.verb == .atomicWrite
            && summary.effects.subtracting(.endsTransaction) == .writes
    }
}
