/// The head of the append that a peer should get next.
public struct AppendRequest: Sendable, Hashable {
    public let term: Term
    /// The batches that follow this entry may be attached.
    public let prev: LogPosition
    public let commit: LSN
    /// False: send it without batches.
    public let mayCarryEntries: Bool

    public func message(carrying batches: [BatchDescriptor]) -> RaftMessage {
        .append(AppendEntries(term: term, prev: prev, batches: batches, commit: commit))
    }
}
