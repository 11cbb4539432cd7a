/// What the caller of ``Raft/handle(_:now:)`` has to do, in the order of the fields.
///
/// Effects of one event must not overtake those of an earlier one: if persisting is asynchronous, all that follows waits
/// behind it, that of later events too.
public struct RaftEffects: Sendable, Hashable {
    /// 1. To be on disk (fsynced) before anything below is done. Everything the node says from now on relies on it: a
    /// vote that is forgotten in a crash elects two leaders (Raft, section 5.2).
    public var hardState: HardState?

    /// 2. Remove the whole log; it begins after this entry now. Durable like a truncation.
    public var restartLogAfter: LogPosition?

    /// 2. Remove everything after this LSN from the local log, before `store`. Never below the committed LSN.
    public var truncateAfter: LSN?

    /// 3. A follower writes these batches of the append that it was given, and only these, each whole, in this order. It
    /// reports ``RaftEvent/durable(_:)`` when they are on disk; nothing needs to wait for that, since no answer counts
    /// them before.
    public var store: [BatchDescriptor] = []

    /// 4. A leader writes this batch to its own log, like a proposal: a membership change if it carries one, else a no-op.
    public var append: BatchDescriptor?

    /// 5. To be sent once `hardState` is on disk, in any order; all belong on the control connection. Losing one does no harm.
    public var messages: [OutboundMessage] = []

    /// 6. Peers for which ``Raft/nextAppend(to:)`` may have become non-nil.
    public var pump: [NodeNumber] = []

    /// 7. The new commit index, when it moved: everything up to it is final. At a follower it is also durable here; at a
    /// leader it is durable at a majority, which need not include itself.
    public var committed: LSN?

    /// 8. What an operator, the log and the state machine of the database want to hear, in order.
    public var notices: [RaftNotice] = []

    public init() {}

    public var isEmpty: Bool {
        hardState == nil && restartLogAfter == nil && truncateAfter == nil && store.isEmpty && append == nil
            && messages.isEmpty && pump.isEmpty
            && committed == nil && notices.isEmpty
    }

    mutating func send(_ message: RaftMessage, to peer: NodeNumber) {
        messages.append(OutboundMessage(to: peer, message: message))
    }

    mutating func note(_ notice: RaftNotice) { notices.append(notice) }
}

public struct OutboundMessage: Sendable, Hashable {
    public var to: NodeNumber
    public var message: RaftMessage

    public init(to: NodeNumber, message: RaftMessage) {
        self.to = to
        self.message = message
    }
}
