import ClusterCore

/// The invariants B1 to B5, and that in the end both sites hold the same.
extension BridgeWorld {
    /// Channels of the site that may still change it.
    private func effectiveChannels(at index: Int) -> [Int] {
        sites[index].nodes.indices.filter { number in
            let node = sites[index].nodes[number]
            guard let channel = node.channel, node.isMember, node.life != .dead else { return false }
            let isFed = agents[index].isRunning && channel.grant == agents[index].validGrant
            return isFed || channel.queue.contains { !sites[index].holds($0) }
        }
    }

    func checkChannels(at index: Int) throws {
        let channels = effectiveChannels(at: index)
        if channels.count > 1 { throw Violation("B1: site \(index) is fed by the nodes \(channels)") }
    }

    func checkStart(at index: Int) throws {
        if agents[index].bridge.site != .closed { throw Violation("B2: a channel into site \(index), which is open") }
        let known = Set(log.prefix(committed).compactMap { $0 })
        if let orphan = sites[index].history.first(where: { !known.contains($0) }) {
            throw Violation("B4: a channel into site \(index), which holds \(orphan)")
        }
    }

    func checkOpening(at index: Int) throws {
        guard case .promoting(.opening, let term) = agents[index].bridge.state else { return }
        counts.promotions += 1
        if let channel = effectiveChannels(at: index).first {
            throw Violation("B2: site \(index) is opened while node \(channel) has a channel")
        }
        guard case .leader(term, let noOp, settled: true) = agents[index].bridge.leadership else {
            throw Violation("B3: site \(index) is opened without leading term \(term)")
        }
        // What it was before the term ended is what counts.
        guard leader == index, self.term == term else { return }
        if !sites[index].covers(log.prefix(Int(noOp.rawValue))) {
            throw Violation("B3: site \(index) is opened without all that the log had committed")
        }
    }

    func checkHandOver(from index: Int) throws {
        if let number = sites[index].nodes.firstIndex(where: { $0.isMember && $0.life == .alive && !$0.isReadOnly }) {
            throw Violation("B5: leadership leaves site \(index) while node \(number) takes writes")
        }
        let known = Set(log.prefix(committed).compactMap { $0 })
        if let lost = sites[index].history.first(where: { $0.site == index && !known.contains($0) }) {
            throw Violation("B5: leadership leaves site \(index), and \(lost) is not committed")
        }
    }

    func checkConverged() throws {
        let states = agents.map { "\($0.bridge.state)" }
        guard let leader, case .sourcing(.running, _) = agents[leader].bridge.state else {
            throw Violation("nobody leads at the end: \(states)")
        }
        guard case .following(.running) = agents[1 - leader].bridge.state else {
            throw Violation("site \(1 - leader) is not fed at the end: \(states)")
        }
        let known = Set(log.prefix(committed).compactMap { $0 })
        if let lost = known.first(where: { !sites[leader].holds($0) }) {
            throw Violation("the primary site \(leader) lacks \(lost)")
        }
        let behind = known.count { !sites[1 - leader].holds($0) }
        if behind > 200 { throw Violation("site \(1 - leader) is \(behind) behind at the end") }
    }
}
