/// What can happen to a node.
public enum RaftEvent: Sendable, Hashable {
    /// Time has passed. Due at ``Raft/nextDeadline`` at the latest; while the log is busy every 5 to 10 ms, which is when
    /// idle followers hear of new commits.
    case tick
    case message(from: NodeNumber, RaftMessage)
    /// Appends to that peer go over a new connection: what was sent and is not confirmed may be lost. A leader asks where
    /// the peer's log ends before it sends more.
    case lineReset(to: NodeNumber)
    /// The local log is on disk up to and including this entry (a batch's ``BatchDescriptor/end``), and so are all
    /// truncations before it. Reports come in the order of the writes. One for an entry that has been truncated
    /// meanwhile is recognised by its term.
    case durable(LogPosition)
    /// The log's front was removed: it begins after this LSN now, which must be committed.
    case trimmed(through: LSN)
    /// The local database has been replaced by a copy that holds everything up to this committed entry, and this
    /// was the last membership at or before it (Raft, section 7: InstallSnapshot). `asOf` is the term that the source of the
    /// copy was in when it knew that entry to be committed. What the log holds beyond a matching entry stays; a log without
    /// it begins anew.
    case provisioned(through: LogPosition, MembershipRecord, asOf: Term)
    /// An operator, or the bootstrap, wants this node to lead: it asks for votes now, even if a leader is alive.
    case campaign
    /// Hands leadership to that voter, or to the most caught-up one.
    case transferLeadership(to: NodeNumber?)
    /// Gives leadership up, whoever takes it.
    case stepDown(reason: String)
    /// Whether the local database could serve. While not, this node ignores ``TimeoutNow`` and ``campaign``, and after a
    /// timeout it leaves the election to others for longer; if nobody is elected it leads as a caretaker
    /// (``Raft/isCaretaker``). A leader does not step down, but becomes one. True at the start.
    case mayLead(Bool)
    /// Last resort when the majority is gone for good: this node, alone, becomes the cluster, with this membership whose
    /// only voter it must be. What the lost majority had committed beyond this log is lost.
    case forceMembership(Membership, bytes: Int)
}
