import ClusterCore

/// A database beside every agent that has one, with clients, an agent's capture and relay, and its ``Tenure``; checks the design's
/// invariants I1 to I10 as they go.
final class DatabaseWorld {
    struct Counts {
        var writes = 0
        var acknowledged = 0
        var promotions = 0
        var fences = 0
        var handOvers = 0
        var adoptedPrimaries = 0
        var cutTransactions = 0
        var divergences = 0
        var abandonedPromotions = 0
    }

    unowned let simulation: Simulation
    let sabotage: TenureSabotage?
    var agents: [DatabaseAgent]
    var counts = Counts()
    /// Clients go on writing.
    var hasClients = true

    private(set) var transactions: [ModelTransaction] = []
    /// Of each batch, by its number.
    private var batchTransactions: [[Int]] = []
    /// Of each batch: the last transaction in the log at its end; -1 when there is none.
    private var lastTransaction: [Int] = []
    /// What the log has committed, in its order: transaction `n` has sequence number `n + 1`.
    private(set) var history: [Int] = []
    /// Who was writable in a term. (I4)
    var writable: [Term: Int] = [:]

    init(_ simulation: Simulation, sabotage: TenureSabotage? = nil) {
        self.simulation = simulation
        self.sabotage = sabotage
        agents = simulation.nodes.map { DatabaseAgent(index: $0.index) }
        simulation.databases = self
        for index in agents.indices { later(.clients, at: index, within: 20 * millisecond) }
    }

    var chance: SplitMix64 {
        get { simulation.chance }
        set { simulation.chance = newValue }
    }

    func later(_ event: DatabaseEvent, at index: Int, within nanoseconds: UInt64) {
        simulation.queue.add(.database(index, event), at: simulation.time + 1 + chance.below(nanoseconds))
    }

    func hasDatabase(_ index: Int) -> Bool {
        let scenario = simulation.scenario
        return index < scenario.voters || index >= scenario.voters + scenario.witnesses
    }

    // MARK: The log

    /// A leader put these transactions into its log.
    func logged(_ transactions: [Int], in batch: Int, after previous: Int?) {
        batchTransactions.append(transactions)
        lastTransaction.append(transactions.last ?? previous.map { lastTransaction[$0] } ?? -1)
    }

    /// For the first time anywhere, this batch is known to be committed. Every transaction is in the history once, in order. (I10)
    func committed(_ batch: Int) throws {
        for id in batchTransactions[batch] {
            guard transactions[id].sequence == history.count + 1 else {
                throw Violation(
                    "I10: transaction \(describe(id)) is committed as number \(history.count + 1) of its domain")
            }
            history.append(id)
        }
    }

    func isCommitted(_ id: Int) -> Bool {
        let place = transactions[id].sequence - 1
        return place < history.count && history[place] == id
    }

    /// The last transaction in the node's log at or before `lsn`; nil when there is none.
    func position(of index: Int, through lsn: LSN) -> Int? {
        let log = simulation.nodes[index].log
        let batch = log.index(after: lsn)
        guard batch > 0 else { return nil }
        let last = lastTransaction[log.batches[batch - 1].id]
        return last < 0 ? nil : last
    }

    /// The transaction with that sequence number in the node's log, and the end of its batch.
    func find(sequence: Int, in index: Int) -> (id: Int, lsn: LSN)? {
        let batches = simulation.nodes[index].log.batches
        var low = 0
        var high = batches.count
        while low < high {
            let middle = (low + high) / 2
            let last = lastTransaction[batches[middle].id]
            if last < 0 || transactions[last].sequence < sequence { low = middle + 1 } else { high = middle }
        }
        guard low < batches.count,
            let id = batchTransactions[batches[low].id].first(where: { transactions[$0].sequence == sequence })
        else { return nil }
        return (id, batches[low].descriptor.last)
    }

    func make(server: Int, sequence: Int) -> Int {
        transactions.append(ModelTransaction(server: server, sequence: sequence))
        return transactions.count - 1
    }

    func describe(_ id: Int) -> String { "0-\(transactions[id].server + 1)-\(transactions[id].sequence)" }

    // MARK: The agents

    func agentStarted(_ index: Int) throws {
        guard hasDatabase(index) else { return }
        let agent = agents[index]
        agent.startAgent()
        if let now = standing(index) {
            agent.standing = now
            try carryOut(agent.tenure.handle(.leadership(now)), at: index)
        }
        try simulation.handle(.mayLead(false), at: index)
        try carryOut(agent.tenure.begin(), at: index)
    }

    /// The agent's process ends; its server outlives it, unless the whole host went down.
    func agentCrashed(_ index: Int) {
        let agent = agents[index]
        agent.capture = nil
        agent.database.isFollowing = false
        if chance.below(2) == 0 { crashDatabase(index) }
    }

    func crashDatabase(_ index: Int) {
        agents[index].database.crash { Int(chance.below(UInt64($0) + 1)) }
        agents[index].capture = nil
    }

    /// After whatever its Raft took in: the tenure hears of leadership, the capture and the relay of commits.
    func raftMoved(_ index: Int) throws {
        guard hasDatabase(index), let now = standing(index) else { return }
        let agent = agents[index]
        if now != agent.standing {
            agent.standing = now
            try carryOut(agent.tenure.handle(.leadership(now)), at: index)
        }
        acknowledgeCommitted(index)
        if agent.database.isFollowing {
            later(.apply(process: agent.database.process), at: index, within: 3 * millisecond)
        }
        try checkServing(index)
    }

    /// As the runtime puts it.
    private func standing(_ index: Int) -> Standing? {
        guard let raft = simulation.nodes[index].raft else { return nil }
        if raft.role == .leader, let noOp = raft.termStart {
            return .leader(term: raft.term, noOp: noOp, settled: raft.noOpCommitted && raft.transferTarget == nil)
        }
        guard raft.leader != nil else { return .unknown(term: raft.term) }
        return .follower(term: raft.term, settled: raft.log.term(at: raft.committed) == raft.term)
    }

    func happens(_ event: DatabaseEvent, at index: Int) throws {
        let agent = agents[index]
        let life = simulation.nodes[index].life
        switch event {
        case .act(let order, life, let process): try act(order, process: process, at: index)
        case .act(let order, _, let process): try actLate(order, process: process, at: index)
        case .finish(let order, life, let outcome):
            guard simulation.nodes[index].raft != nil else { return }
            try carryOut(agent.tenure.handle(.finished(order.id, outcome)), at: index)
        case .finish: break
        case .clients: write(index)
        case .capture(life, let connection): try capture(index, connection)
        case .capture: break
        case .acknowledge(let process, let connection, let through):
            try acknowledge(index, process: process, connection: connection, through: through)
        case .apply(let process): try apply(index, process: process)
        case .serverLost(life, let process):
            guard agent.database.process == process, simulation.nodes[index].raft != nil else { return }
            try carryOut(agent.tenure.handle(.serverLost(reason: "the process ended")), at: index)
        case .serverLost: break
        }
    }
}
