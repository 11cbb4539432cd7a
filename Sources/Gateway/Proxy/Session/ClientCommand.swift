import MariaDBWire
import NIOCore

/// One command of a client on its way.
struct ClientCommand {
    var command: UInt8
    /// Its packet, or as much of a large one as was there when it was begun.
    var packet: ByteBuffer
    var summary: StatementSummary
    /// What the answer looks like; nil for commands without one.
    var shape: ResponseShape?
    /// The client's number of a prepared statement.
    var statementID: UInt32?
    /// Whether ``packet`` is all of it: only then can it be sent again.
    var isWhole = true
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

/// A statement that the client has prepared.
struct PreparedStatement {
    /// Nil when it was too long to be kept: then it lives on one connection only.
    var text: ByteBuffer?
    var summary: StatementSummary
    var parameterCount: Int
    /// The servers' numbers; nil where it is not prepared.
    var leaderID: UInt32?
    var replicaID: UInt32?
    /// The types of the parameters as the client last gave them: it sends them only once, a server needs them once each.
    var types: ByteBuffer?
    var typesAreKnown: (leader: Bool, replica: Bool) = (false, false)
    /// Pieces of long parameters, or an open cursor, wait at the leader.
    var isBoundToLeader = false
}
