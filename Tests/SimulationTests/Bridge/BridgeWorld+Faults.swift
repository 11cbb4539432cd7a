import ClusterCore

/// What befalls nodes, agents and leadership, and what the agents see of it.
extension BridgeWorld {
    func fault(at index: Int) throws {
        guard faultsHappen else { return }
        let number = Int(chance.below(3))
        switch chance.below(12) {
        case 0: strike(number, at: index, .dead)
        case 1, 2: strike(number, at: index, .frozen)
        case 3: sites[index].nodes[number].isReachable.toggle()
        case 4:
            agents[index].isRunning = false
        case 5, 6: if !agents[index].isRunning { startAgent(index) }
        case 7:
            // A leader lost; whoever can serve is elected later.
            if often(300) {
                leader = nil
                for other in agents.indices { tell(other) }
            }
        case 8, 9:
            if leader == nil {
                let other = Int(chance.below(2))
                if agents[other].isRunning, agents[other].mayLead || often(100) { elect(other) }
            }
        case 10 where often(100): try setBack(at: index)
        case 10: if leader == index, agents[index].isRunning { try handle(.stepDown(target: nil), at: index) }
        default: break
        }
    }

    /// Two of three nodes always remain in the component: beyond that a site is lost, which is another story.
    private func strike(_ number: Int, at index: Int, _ life: ModelNode.Life) {
        let others = sites[index].nodes.indices.filter { $0 != number }
        guard others.allSatisfy({ sites[index].nodes[$0].life == .alive && sites[index].nodes[$0].isMember }) else {
            return
        }
        sites[index].nodes[number].life = life
        if life == .dead {
            sites[index].nodes[number].isMember = false
            sites[index].nodes[number].channel?.queue = []
        }
    }

    /// All nodes are lost, and come back as they were some transactions ago: a crash of all hosts, or an older backup.
    private func setBack(at index: Int) throws {
        counts.setBacks += 1
        agents[index].capture = nil
        if agents[index].isRunning {
            try handle(.captureLost(reason: "all nodes are gone"), at: index)
            try handle(.endpoint(nil, reason: "all nodes are gone"), at: index)
        }
        let logged = log.reduce(0) { max($0, $1?.site == index ? $1?.sequence ?? 0 : 0) }
        sites[index].setBack(by: Int(chance.below(6)), own: index, logged: logged)
    }

    /// Time does its work at the nodes, and the administrator at a site that has diverged.
    func mendSite(at index: Int) throws {
        let number = Int(chance.below(3))
        switch (sites[index].nodes[number].life, sites[index].nodes[number].isMember) {
        case (.frozen, true):
            if often(500) {
                sites[index].nodes[number].isMember = false
            } else {
                sites[index].nodes[number].life = .alive
            }
        case (.frozen, false), (.dead, _): if often(500) { restore(number, at: index) }
        case (.alive, _): if !faultsHappen || often(200) { sites[index].nodes[number].isReachable = true }
        }
        guard agents[index].isRunning else { return }
        switch agents[index].bridge.state {
        case .diverged where often(200):
            sites[index].rebuild(from: log.prefix(committed))
            try handle(.retry, at: index)
        case .needsCopy where often(200):
            sites[index].rebuild(from: log.prefix(committed))
            try handle(.retry, at: index)
        case .following(.faulted): try handle(.retry, at: index)
        default: break
        }
    }

    /// It comes back with its cluster's data, and with a channel that does not run.
    func restore(_ number: Int, at index: Int) {
        if sites[index].nodes[number].life == .alive, sites[index].nodes[number].isMember { return }
        let (wasOut, wasDead) = (!sites[index].nodes[number].isMember, sites[index].nodes[number].life == .dead)
        sites[index].nodes[number].life = .alive
        sites[index].nodes[number].isMember = true
        if wasOut {
            sites[index].nodes[number].channel = nil
            if wasDead { sites[index].nodes[number].isReadOnly = true }
        }
    }

    /// The agent's probes: which endpoint is best, and whether the channel and the capture are where they should be.
    func look(at index: Int) throws {
        if leader == nil, !faultsHappen, agents[index].mayLead { elect(index) }
        guard agents[index].isRunning else { return }
        let usable = sites[index].nodes.indices.filter {
            sites[index].nodes[$0].answers && sites[index].nodes[$0].isMember
        }
        let present = agents[index].bridge.endpoint
        if let present, usable.contains(present.index) {
            // The choice sticks.
        } else {
            let new = usable.isEmpty ? nil : EndpointID(usable[Int(chance.below(UInt64(usable.count)))])
            if new != present { try handle(.endpoint(new, reason: "drawn"), at: index) }
        }
        switch agents[index].bridge.state {
        case .following(.running(let id)), .promoting(.applying(let id), _):
            let node = sites[index].nodes[id.index]
            if node.answers, node.channel == nil || node.channel?.grant != agents[index].validGrant {
                try handle(.channelLost(id, reason: "it is gone"), at: index)
            }
        case .sourcing(.running, _):
            if agents[index].capture == nil { try handle(.captureLost(reason: "it is gone"), at: index) }
        case .waiting, .following, .promoting, .sourcing, .draining, .fenced, .diverged, .needsCopy, .stopped: break
        }
    }

    /// Nodes that come back are set as the bridge wants them.
    func mend(at index: Int) {
        guard agents[index].isRunning else { return }
        for number in sites[index].nodes.indices where sites[index].nodes[number].answers {
            switch agents[index].bridge.site {
            case .untouched, .asFound: break
            case .open: sites[index].nodes[number].isReadOnly = false
            case .closed: if sabotage != .forgetsANode { sites[index].nodes[number].isReadOnly = true }
            }
        }
    }
}
