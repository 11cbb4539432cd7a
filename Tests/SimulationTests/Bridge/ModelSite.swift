import ClusterCore

/// A transaction of a site's cluster: the site is its domain.
struct SiteTransaction: Hashable {
    var site: Int
    var sequence: Int
}

/// A replica channel on a model node: what it has fetched and not applied, and the login it was given.
struct ModelChannel {
    var grant: Int
    /// The index in the log of the next entry to fetch.
    var next: Int
    var queue: [SiteTransaction] = []
}

struct ModelNode {
    enum Life { case alive, frozen, dead }
    var life = Life.alive
    /// In the primary component. A frozen node is thrown out after a while; until then its cluster stands still.
    var isMember = true
    /// As its configuration says at a start: the documentation asks for ON.
    var isReadOnly = true
    /// Whether the agent can reach it; the cluster's own network is another one.
    var isReachable = true
    var channel: ModelChannel?

    var answers: Bool { life == .alive && isReachable }
}

/// A Galera cluster as far as the bridge can tell: virtually synchronous, so one history for all members.
struct ModelSite {
    var nodes = Array(repeating: ModelNode(), count: 3)
    /// In the order of the commits.
    var history: [SiteTransaction] = []
    private(set) var last = [0, 0]
    private var present: Set<SiteTransaction> = []
    /// Of its own transactions, through here the log has what the site lost when it was set back; 0: it lost nothing.
    private(set) var lostThrough = 0

    /// Nothing commits while a member does not answer the group.
    var canCommit: Bool {
        nodes.allSatisfy { !($0.isMember && $0.life == .frozen) } && nodes.count(where: \.isMember) >= 2
    }

    func holds(_ transaction: SiteTransaction) -> Bool { present.contains(transaction) }

    func covers(_ entries: some Sequence<SiteTransaction?>) -> Bool {
        entries.allSatisfy { $0.map { last[$0.site] >= $0.sequence } ?? true }
    }

    mutating func commit(_ transaction: SiteTransaction) {
        history.append(transaction)
        present.insert(transaction)
        last[transaction.site] = max(last[transaction.site], transaction.sequence)
    }

    /// Loses its last transactions; the log has those of `own`, itself, through `logged`. Its nodes start read-only, as the documentation asks.
    mutating func setBack(by count: Int, own: Int, logged: Int) {
        rebuild(from: history.dropLast(count).map(Optional.some))
        if last[own] < logged { lostThrough = logged }
    }

    /// Its data is replaced by a copy of what the log holds.
    mutating func rebuild(from entries: some Sequence<SiteTransaction?>) {
        history = []
        present = []
        last = [0, 0]
        lostThrough = 0
        for case let transaction? in entries { commit(transaction) }
        for index in nodes.indices { nodes[index] = ModelNode() }
    }
}

/// The agent beside a site.
struct ModelAgent {
    var isRunning = true
    var bridge = Bridge()
    var order: BridgeOrder?
    /// What Raft has said and the agent has not heard yet.
    var news: [Standing] = []
    var validGrant: Int?
    /// Of the order to start a channel that is under way.
    var pendingGrant = 0
    /// How much of the log may ever have been sent to a channel.
    var sentThrough = 0
    /// The term of the capture, and how many of the site's own transactions it has read.
    var capture: (term: Term, read: Int)?
    var mayLead = false
}
