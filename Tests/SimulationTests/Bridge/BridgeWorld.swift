import ClusterCore

/// Two sites with an agent each, a log that both see, and an oracle in Raft's place: at most one leader a term, and what is committed
/// stays. Whatever fails is drawn from a seed.
final class BridgeWorld {
    struct Counts {
        var writes = 0
        var applied = 0
        var channels = 0
        var promotions = 0
        var handOvers = 0
        var divergences = 0
        var setBacks = 0
        var proofsRefused = 0
    }

    var chance: SplitMix64
    let sabotage: BridgeSabotage?
    var sites = [ModelSite(), ModelSite()]
    var agents = [ModelAgent(), ModelAgent()]
    var counts = Counts()
    /// Entries by index; LSN is the index plus one. Nil is a no-op.
    var log: [SiteTransaction?] = []
    var committed = 0
    var leader: Int?
    var term = Term.zero
    var noOp = 0
    var faultsHappen = true
    /// Logins are never given twice.
    var grants = 0

    init(seed: UInt64, sabotage: BridgeSabotage? = nil) {
        chance = SplitMix64(seed: seed)
        self.sabotage = sabotage
        elect(0)
        for index in agents.indices { startAgent(index) }
    }

    func often(_ perMille: UInt64) -> Bool { chance.below(1_000) < perMille }

    // MARK: Running

    func run(steps: Int) throws {
        for _ in 0..<steps { try step() }
        faultsHappen = false
        for index in sites.indices {
            for node in sites[index].nodes.indices { restore(node, at: index) }
            if !agents[index].isRunning { startAgent(index) }
        }
        if leader == nil { elect(agents[0].mayLead ? 0 : 1) }
        for _ in 0..<20_000 { try step() }
        try checkConverged()
    }

    private func step() throws {
        let index = Int(chance.below(2))
        switch chance.below(100) {
        case 0..<6: try write(at: index)
        case 6..<24: capture(at: index)
        case 24..<32: commitSome()
        case 32..<46: fetch(at: index)
        case 46..<60: try apply(at: index)
        case 60..<72: try finishOrder(at: index)
        case 72..<80: try hearNews(at: index)
        case 80..<88: try look(at: index)
        case 88..<92: mend(at: index)
        case 92..<95: try mendSite(at: index)
        default: try fault(at: index)
        }
        try checkChannels(at: index)
    }

    // MARK: Clients, capture, commit

    private func write(at index: Int) throws {
        guard sites[index].canCommit,
            sites[index].nodes.contains(where: { $0.life == .alive && $0.isMember && !$0.isReadOnly })
        else { return }
        let sequence = sites[index].last[index] + 1
        if sequence <= sites[index].lostThrough {
            throw Violation("B6: site \(index) writes \(sequence) anew, which was captured before it was set back")
        }
        sites[index].commit(SiteTransaction(site: index, sequence: sequence))
        counts.writes += 1
    }

    private func capture(at index: Int) {
        guard agents[index].isRunning, let capture = agents[index].capture else { return }
        guard leader == index, capture.term == term else {
            agents[index].capture = nil
            return
        }
        let own = sites[index].history.filter { $0.site == index && $0.sequence > capture.read }
        guard let next = own.first else { return }
        log.append(next)
        agents[index].capture?.read = next.sequence
    }

    private func commitSome() {
        guard leader != nil, committed < log.count else { return }
        committed = min(log.count, committed + 1 + Int(chance.below(4)))
    }

    // MARK: Leadership

    /// What a new leader of the other site did not receive is gone, as far as it was not committed.
    func elect(_ index: Int) {
        let isNew = index != leader
        if isNew, committed < log.count { log.removeLast(Int(chance.below(UInt64(log.count - committed + 1)))) }
        term = term.next
        leader = index
        log.append(nil)
        noOp = log.count
        for other in agents.indices { tell(other) }
    }

    func standing(_ index: Int) -> Standing {
        guard let leader else { return .unknown(term: term) }
        let settled = committed >= noOp
        return leader == index
            ? .leader(term: term, noOp: LSN(UInt64(noOp)), settled: settled) : .follower(term: term, settled: settled)
    }

    func tell(_ index: Int) { agents[index].news.append(standing(index)) }

    private func hearNews(at index: Int) throws {
        guard agents[index].isRunning else { return }
        if agents[index].news.isEmpty { agents[index].news.append(standing(index)) }
        let news = agents[index].news.removeFirst()
        if !news.leads { agents[index].capture = nil }
        try handle(.leadership(news), at: index)
    }

    // MARK: Agents

    func startAgent(_ index: Int) {
        agents[index] = ModelAgent()
        agents[index].sentThrough = committed
        agents[index].news = [standing(index)]
        let effects = agents[index].bridge.begin()
        agents[index].order = effects.order
    }

    func handle(_ event: BridgeEvent, at index: Int) throws {
        let effects = agents[index].bridge.handle(event)
        try carryOut(effects, at: index)
    }

    private func carryOut(_ effects: BridgeEffects, at index: Int) throws {
        if let order = effects.order {
            if let old = agents[index].order { superseded(old, at: index) }
            agents[index].order = order
            begin(order, at: index)
        }
        if let able = effects.mayLead { agents[index].mayLead = able }
        if effects.resign != nil, leader == index {
            leader = nil
            for other in agents.indices { tell(other) }
        }
        if effects.handOver != nil, leader == index { try handOver(from: index) }
    }

    private func handOver(from index: Int) throws {
        switch agents[index].bridge.state {
        case .draining(.handingOver, _, _), .needsCopy: try checkHandOver(from: index)
        case .waiting, .following, .promoting, .sourcing, .draining, .fenced, .diverged, .stopped: break
        }
        if often(300) || !agents[1 - index].isRunning {
            try handle(.handOverFailed(reason: "drawn"), at: index)
        } else {
            counts.handOvers += 1
            committed = log.count
            elect(1 - index)
        }
    }

    // MARK: Channels

    private func someChannel(at index: Int) -> Int? {
        let numbers = sites[index].nodes.indices.filter { sites[index].nodes[$0].channel != nil }
        return numbers.isEmpty ? nil : numbers[Int(chance.below(UInt64(numbers.count)))]
    }

    private func fetch(at index: Int) {
        guard let node = someChannel(at: index) else { return }
        guard var channel = sites[index].nodes[node].channel, sites[index].nodes[node].life == .alive,
            agents[index].isRunning, channel.grant == agents[index].validGrant, channel.next < committed
        else { return }
        if let entry = log[channel.next], !sites[index].covers([entry]) { channel.queue.append(entry) }
        channel.next += 1
        agents[index].sentThrough = max(agents[index].sentThrough, channel.next)
        sites[index].nodes[node].channel = channel
    }

    private func apply(at index: Int) throws {
        guard let number = someChannel(at: index) else { return }
        let node = sites[index].nodes[number]
        guard sites[index].canCommit, node.life == .alive, node.isMember, let next = node.channel?.queue.first else {
            return
        }
        sites[index].nodes[number].channel?.queue.removeFirst()
        guard !sites[index].holds(next) else { throw Violation("site \(index) applies \(next) twice") }
        guard sites[index].last[next.site] == next.sequence - 1 else {
            throw Violation("site \(index) applies \(next) after \(sites[index].last[next.site]): something is skipped")
        }
        sites[index].commit(next)
        counts.applied += 1
    }
}

extension Standing {
    var leads: Bool { if case .leader = self { true } else { false } }
}
