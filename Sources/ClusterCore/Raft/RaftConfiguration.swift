/// What a node's Raft is told once, when it is made.
public struct RaftConfiguration: Sendable, Hashable {
    /// This node.
    public var node: NodeNumber
    /// A follower that hears nothing for a random time between the two asks for votes. The lower bound is also how long a
    /// follower that heard from a leader refuses to vote, and how long a leader lives without a majority.
    public var electionTimeoutMin: Duration
    public var electionTimeoutMax: Duration
    /// How often a leader is heard of at least; well below `electionTimeoutMin`. Unanswered questions are repeated as often.
    public var heartbeatInterval: Duration
    /// Then nobody is elected without ``RaftEvent/campaign`` or a transfer.
    public var disableAutoElection: Bool
    /// Of the election timeouts. Different on every node, and at every start.
    public var seed: UInt64

    public init(
        node: NodeNumber, electionTimeoutMin: Duration = .milliseconds(1_000),
        electionTimeoutMax: Duration = .milliseconds(2_000), heartbeatInterval: Duration = .milliseconds(200),
        disableAutoElection: Bool = false, seed: UInt64
    ) {
        self.node = node
        self.electionTimeoutMin = electionTimeoutMin
        self.electionTimeoutMax = electionTimeoutMax
        self.heartbeatInterval = heartbeatInterval
        self.disableAutoElection = disableAutoElection
        self.seed = seed
    }
}

/// The configuration's durations in nanoseconds, in a sane order.
struct RaftTiming: Sendable {
    let electionMin: UInt64
    let electionMax: UInt64
    let heartbeat: UInt64
    /// A leader whose commit index moves tells idle followers at once, but not more often than this.
    let commitPush: UInt64 = 5_000_000

    init(_ configuration: RaftConfiguration) {
        electionMin = max(configuration.electionTimeoutMin.wholeNanoseconds, 1)
        electionMax = max(configuration.electionTimeoutMax.wholeNanoseconds, electionMin + 1)
        heartbeat = max(configuration.heartbeatInterval.wholeNanoseconds, 1)
    }
}
