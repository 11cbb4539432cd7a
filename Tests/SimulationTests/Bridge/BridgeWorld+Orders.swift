import ClusterCore

/// What the agents' orders do, at the moment at which they are done.
extension BridgeWorld {
    func begin(_ order: BridgeOrder, at index: Int) {
        switch order.action {
        case .clearChannels: if sabotage != .keepsGrant { agents[index].validGrant = nil }
        case .startChannel:
            grants += 1
            agents[index].pendingGrant = grants
            agents[index].validGrant = agents[index].pendingGrant
        case .startCapture: agents[index].capture = nil
        case .close, .open, .compare, .exportOrphans, .awaitApplied, .settle, .pause: break
        }
    }

    /// A statement that was sent may be carried out although nobody waits for it any more.
    func superseded(_ order: BridgeOrder, at index: Int) {
        guard case .startChannel(let id) = order.action, often(500) else { return }
        startChannel(id.index, grant: agents[index].pendingGrant, at: index)
    }

    func finishOrder(at index: Int) throws {
        guard agents[index].isRunning, let order = agents[index].order else { return }
        let outcome: BridgeOutcome?
        if often(30) {
            outcome = .failed(reason: "drawn")
        } else {
            outcome = try perform(order.action, at: index)
        }
        guard let outcome else { return }
        agents[index].order = nil
        try handle(.finished(order.id, outcome), at: index)
    }

    /// - Returns: nil when it goes on.
    private func perform(_ action: BridgeAction, at index: Int) throws -> BridgeOutcome? {
        switch action {
        case .close: return setReadOnly(true, at: index)
        case .open:
            try checkOpening(at: index)
            return setReadOnly(false, at: index)
        case .compare(let id, let lsn):
            guard sites[index].nodes[id.index].answers else { return .failed(reason: "no answer") }
            return compare(at: index, through: max(Int(lsn.rawValue), 0))
        case .exportOrphans:
            counts.divergences += 1
            return .done
        case .clearChannels: return clearChannels(at: index)
        case .startChannel(let id):
            guard sites[index].nodes[id.index].answers, sites[index].nodes[id.index].isMember else {
                return .failed(reason: "no answer")
            }
            guard case .compared(.contained) = compare(at: index, through: 0) else {
                return .failed(reason: "the history has changed")
            }
            try checkStart(at: index)
            startChannel(id.index, grant: agents[index].pendingGrant, at: index)
            counts.channels += 1
            return .done
        case .awaitApplied(let id, let lsn):
            if sabotage == .opensBeforeApplied { return .done }
            guard sites[index].nodes[id.index].answers else { return .failed(reason: "no answer") }
            return sites[index].covers(log.prefix(Int(lsn.rawValue))) ? .done : nil
        case .startCapture(let id, let term):
            guard sites[index].nodes[id.index].answers, leader == index, term == self.term else {
                return .failed(reason: "not the leader")
            }
            let read = log.compactMap { $0 }.last { $0.site == index }?.sequence ?? 0
            guard sites[index].last[index] >= read || sabotage == .overlooksASetBack else {
                return .compared(.needsCopy(reason: "set back"))
            }
            guard sites[index].covers(log) || sabotage == .overlooksASetBack else {
                return .compared(.contained(complete: false))
            }
            agents[index].capture = (term, read)
            return .done
        case .settle: return settle(at: index)
        case .pause: return .done
        }
    }

    private func setReadOnly(_ on: Bool, at index: Int) -> BridgeOutcome {
        var isComplete = true
        for number in sites[index].nodes.indices {
            if sites[index].nodes[number].answers {
                if sabotage == .forgetsANode, on, number == 2 { continue }
                sites[index].nodes[number].isReadOnly = on
            } else if sites[index].nodes[number].isMember {
                isComplete = false
            }
        }
        return isComplete ? .done : .failed(reason: "a member does not answer")
    }

    private func compare(at index: Int, through lsn: Int) -> BridgeOutcome {
        let own = log.prefix(committed).filter { $0?.site == index }
        if !sites[index].covers(own), sabotage != .overlooksASetBack {
            return .compared(.needsCopy(reason: "set back"))
        }
        let known = Set(log.prefix(committed).compactMap { $0 })
        let pending = Set(log.dropFirst(committed).compactMap { $0 })
        var orphans = sites[index].history.filter { !known.contains($0) }
        if orphans.contains(where: pending.contains) { return .failed(reason: "not known to be committed yet") }
        let lastSite = log.prefix(committed).compactMap { $0 }.last?.site
        if lsn > 0, lastSite ?? index == index {
            orphans = orphans.filter { $0.site != index }
        }
        if !orphans.isEmpty, sabotage != .skipsComparison {
            return .compared(.orphans([GTID(domain: UInt32(index), server: 1, sequence: UInt64(orphans[0].sequence))]))
        }
        let through = max(lsn, 0)
        return .compared(.contained(complete: sites[index].covers(log.prefix(min(through, log.count)))))
    }

    private func clearChannels(at index: Int) -> BridgeOutcome {
        let isAllApplied = sites[index].covers(log.prefix(min(agents[index].sentThrough, log.count)))
        var isProved = true
        for number in sites[index].nodes.indices {
            let node = sites[index].nodes[number]
            if node.answers {
                sites[index].nodes[number].channel = nil
            } else if node.isMember, !isAllApplied {
                isProved = false
            }
        }
        if !isProved { counts.proofsRefused += 1 }
        return isProved || sabotage == .clearsWithoutProof ? .done : .failed(reason: "a member may still apply")
    }

    private func startChannel(_ number: Int, grant: Int, at index: Int) {
        guard sites[index].nodes[number].answers else { return }
        var next = log.indices.first { !sites[index].covers([log[$0]]) } ?? log.count
        if sabotage == .startsTooLate { next = min(committed + 1, log.count) }
        var channel = ModelChannel(grant: grant, next: next)
        if sabotage == .startsTooEarly, let last = sites[index].history.last { channel.queue = [last] }
        sites[index].nodes[number].channel = channel
    }

    private func settle(at index: Int) -> BridgeOutcome? {
        if sabotage == .settlesTooEarly { return .done }
        guard sites[index].nodes.allSatisfy({ !$0.isMember || $0.answers }) else { return .failed(reason: "no answer") }
        guard sites[index].nodes.allSatisfy({ !$0.isMember || $0.isReadOnly }) || sabotage == .forgetsANode else {
            return .failed(reason: "a node takes writes")
        }
        guard let capture = agents[index].capture else { return .failed(reason: "no capture") }
        return capture.read >= sites[index].last[index] && committed == log.count ? .done : nil
    }
}
