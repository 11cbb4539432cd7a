/// Why a leader takes no proposal now.
public enum ProposeError: Error, Hashable {
    /// The hint is who leads, as far as this node knows.
    case notLeader(hint: NodeNumber?)
    /// A witness leads only to hand over its log.
    case caretaker
    case transferInProgress(to: NodeNumber)
    /// A membership change waits for the term's no-op to be committed (Ongaro's correction of 2015 to single-server changes).
    case termNotEstablished
    /// A membership change waits until the one before is committed.
    case membershipChangePending(LSN)
    /// More than one voter differs.
    case notOneStep
    /// Nobody in it may lead.
    case noVoter
}
