import ClusterCore
import NIOCore

/// A transaction as the server wrote it to its binlog, or a piece of one.
public struct CapturedTransaction: Sendable, Equatable {
    public enum Part: Sendable, Hashable {
        /// All of it.
        case whole
        /// A large transaction comes as `first`, any number of `middle`, `last`, with the same GTID and with nothing between.
        case first, middle, last
        /// The pieces so far are void and no more will come: the server died while it wrote the transaction, which it
        /// has not. `events` is empty.
        case abandoned
    }

    public let gtid: GTID
    public let part: Part
    /// The binlog file's name, without its folder.
    public let file: String
    /// Where in `file` the last event that ends in this part ends; not cut to 32 bits as the event's own field is.
    public let endOffset: UInt64
    /// The server holds this commit until ``BinlogSource/acknowledge(file:offset:)``. Only on `whole` and `last`.
    public let ackWanted: Bool
    /// The events as the server sent them, headers and checksums included, verified. Pieces may be cut inside an event;
    /// all pieces together are the exact bytes. The first event is the GTID event; events that are not the
    /// transaction's (ROTATE, FORMAT_DESCRIPTION, GTID_LIST, checkpoints, heartbeats) are not among them.
    public let events: ByteBuffer
    /// When the read that completed this part happened.
    public let receivedAt: NIODeadline
}
