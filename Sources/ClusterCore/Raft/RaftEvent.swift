/// What can happen to a node.
public enum RaftEvent: Sendable, Hashable {
    /// Time has passed. Due at ``Raft/nextDeadline`` at the latest; while the log is busy every 5 to 10 ms, which is when
    /// idle followers hear of new commits.
    case tick
    case message(from: NodeNumber, RaftMessage)
    /// The local log is on disk up to and including this entry (a batch's ``BatchDescriptor/end``), and so are all
    /// truncations before it. Reports come in the order of the writes. One for an entry that has been truncated
    /// meanwhile is recognised by its term.
    case durable(LogPosition)
    /// The log's front was removed: it begins after this LSN now, which must be committed.
    case trimmed(through: LSN)
    /// An operator, or the bootstrap, wants this node to lead: it asks for votes now, even if a leader is alive.
    case campaign
    /// Hands leadership to that voter, or to the most caught-up one.
    case transferLeadership(to: NodeNumber?)
    /// Gives leadership up, whoever takes it.
    case stepDown(reason: String)
    /// Whether the local database could serve. While not, this node never campaigns and ignores ``TimeoutNow``; it does
    /// not make a leader step down. True at the start.
    case mayLead(Bool)
    /// Last resort when the majority is gone for good: this node, alone, becomes the cluster, with this membership whose
    /// only voter it must be. What the lost majority had committed beyond this log is lost.
    case forceMembership(Membership, bytes: Int)
}
