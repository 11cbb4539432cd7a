import ClusterCore

/// A whole cluster in one thread and one seed: nodes, network, disks, clocks, faults, and checks after every step.
///
/// A step is one event that a node takes in. The same scenario always runs the same way.
final class Simulation {
    enum Event {
        case timer(Int, life: Int)
        case arrival(Int)
        case synced(Int, life: Int)
        case durable(Int, life: Int, LogPosition)
        case link(Int, life: Int, to: NodeNumber)
        case read(Int, life: Int, to: NodeNumber, AppendRequest)
        case restart(Int, life: Int)
        case resume(Int, life: Int)
        case provision(Int, life: Int)
        case propose
        case fault
        case database(Int, DatabaseEvent)
    }

    struct Envelope {
        let from: Int
        let to: Int
        let message: RaftMessage
        /// Of the batches of an append.
        let ids: [Int]
    }

    /// What happened, to see that a run did meet what it was to survive.
    struct Counts {
        var steps = 0
        var elections = 0
        var crashes = 0
        var transfers = 0
        var membershipChanges = 0
        var rollbacks = 0
        var truncations = 0
        var provisions = 0
        var quorumLosses = 0
        var commits = 0
        var caretakers = 0
    }

    let scenario: Scenario
    var chance: SplitMix64
    var time: UInt64 = 0
    var queue = EventQueue<Event>()
    var nodes: [SimulatedNode]
    var network: SimulatedNetwork
    var ledger = BatchLedger()
    var counts = Counts()
    /// No more faults: the cluster has to recover.
    var isHealing = false
    var trace: Trace?
    /// What is beside the agents, if that is simulated too.
    weak var databases: DatabaseWorld?

    private var envelopes: [Envelope?] = []
    private var freeEnvelopes: [Int] = []

    init(_ scenario: Scenario, tracing: Bool = false) {
        self.scenario = scenario
        chance = SplitMix64(seed: scenario.seed)
        trace = tracing ? Trace() : nil
        nodes = []
        network = SimulatedNetwork(size: scenario.size, conditions: scenario.network)
        for index in 0..<scenario.size {
            let rate = scenario.clockJumps ? 950 + chance.below(101) : 1_000
            nodes.append(SimulatedNode(index: index, seed: chance.next(), clock: SimulatedClock(ratePerMille: rate)))
        }
    }

    /// Runs the scenario's steps with faults, heals everything, and sees that the cluster recovers.
    func run() throws {
        try bootstrap()
        if databases == nil { queue.add(.propose, at: time + scenario.proposalInterval) }
        queue.add(.fault, at: time + scenario.faultInterval)
        while counts.steps < scenario.steps { try step() }
        try recover()
    }

    func step() throws {
        guard let (time, event) = queue.next() else { throw Violation("nothing will ever happen again") }
        self.time = time
        switch event {
        case .timer(let index, let life): try timer(index, life)
        case .arrival(let slot): try arrive(slot)
        case .synced(let index, let life): synced(index, life)
        case .durable(let index, let life, let position):
            if isUp(index, life) { try handle(.durable(position), at: index) }
        case .link(let index, let life, let peer):
            guard isUp(index, life) else { return }
            nodes[index].waitingLinks.remove(peer)
            try pump(index, to: peer)
        case .read(let index, let life, let peer, let request): try finishRead(index, life, peer, request)
        case .restart(let index, let life): if nodes[index].life == life { try start(index) }
        case .resume(let index, let life): if isUp(index, life) { nodes[index].isPaused = false }
        case .provision(let index, let life): if isUp(index, life) { try provision(index) }
        case .propose: try propose()
        case .fault: try fault()
        case .database(let index, let event): try databases?.happens(event, at: index)
        }
    }

    func isUp(_ index: Int, _ life: Int) -> Bool { nodes[index].life == life && nodes[index].raft != nil }

    /// The first membership is on every member's disk, as the bootstrap command leaves it.
    private func bootstrap() throws {
        let members = nodes.prefix(scenario.size - scenario.spares).map { node in
            let role: Role =
                node.index < scenario.voters
                ? .voter : node.index < scenario.voters + scenario.witnesses ? .witness : .learner
            return Member(id: "n\(node.number)", number: node.number, role: role, address: "")
        }
        let record = MembershipRecord(position: .zero, membership: Membership(members))
        for node in nodes {
            if node.index < members.count { node.disk.baseMembership = record }
            try start(node.index)
        }
    }

    func start(_ index: Int) throws {
        trace?.note(time, index, "starts")
        try nodes[index].start(time)
        queue.add(.timer(index, life: nodes[index].life), at: time + 1)
        try databases?.agentStarted(index)
    }

    private func timer(_ index: Int, _ life: Int) throws {
        guard isUp(index, life) else { return }
        try handle(.tick, at: index)
        guard isUp(index, life), let raft = nodes[index].raft else { return }
        let due = nodes[index].clock.time(of: raft.nextDeadline)
        queue.add(.timer(index, life: life), at: min(max(due, time + millisecond), time + 40 * millisecond))
    }

    // MARK: Messages

    func send(_ message: RaftMessage, ids: [Int] = [], from: Int, to peer: NodeNumber) {
        let to = Int(peer.rawValue) - 1
        network.arrivals(from: from, to: to, isBulk: message.isBulk, now: time, &chance) { arrival in
            let envelope = Envelope(from: from, to: to, message: message, ids: ids)
            let slot: Int
            if let free = freeEnvelopes.popLast() {
                slot = free
                envelopes[slot] = envelope
            } else {
                slot = envelopes.count
                envelopes.append(envelope)
            }
            queue.add(.arrival(slot), at: arrival)
        }
    }

    private func arrive(_ slot: Int) throws {
        guard let envelope = envelopes[slot] else { return }
        if nodes[envelope.to].raft != nil, nodes[envelope.to].isPaused {
            return queue.add(.arrival(slot), at: time + millisecond)
        }
        envelopes[slot] = nil
        freeEnvelopes.append(slot)
        guard nodes[envelope.to].raft != nil else { return }
        try handle(
            .message(from: nodes[envelope.from].number, tampered(envelope)), at: envelope.to, ids: envelope.ids)
    }

    private func tampered(_ envelope: Envelope) -> RaftMessage {
        guard scenario.sabotage == .skipsConsistencyCheck, case .append(var append) = envelope.message,
            let raft = nodes[envelope.to].raft, append.prev.lsn <= raft.last, append.prev.lsn > raft.committed,
            let term = raft.log.term(at: append.prev.lsn), term <= append.prev.term
        else { return envelope.message }
        append.prev.term = term
        return .append(append)
    }
}
