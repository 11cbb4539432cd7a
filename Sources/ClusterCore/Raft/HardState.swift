/// What a node must never forget (Raft, figure 2: "persistent state on all servers"), besides its log.
public struct HardState: Sendable, Hashable, Codable {
    /// The latest term this node has seen.
    public var term: Term
    /// The candidate that got this node's vote in ``term``.
    public var votedFor: NodeNumber?

    public init(term: Term = .zero, votedFor: NodeNumber? = nil) {
        self.term = term
        self.votedFor = votedFor
    }
}
