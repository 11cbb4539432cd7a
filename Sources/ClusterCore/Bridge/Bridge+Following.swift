/// A site that is fed: closed, compared, cleared of older channels, then one channel.
extension Bridge {
    mutating func close(_ effects: inout BridgeEffects) {
        setSite(.closed, &effects)
        enter(.following(.closing), .close, &effects)
    }

    /// Goes on towards a channel at the best endpoint.
    mutating func follow(_ effects: inout BridgeEffects) {
        guard isClosed else { return close(&effects) }
        guard let endpoint else { return rest(.following(.searching(reason: noEndpointReason))) }
        if isCompared {
            enter(.following(.clearing(endpoint)), .clearChannels, &effects)
        } else {
            enter(.following(.comparing(endpoint)), .compare(endpoint, through: .zero), &effects)
        }
    }

    mutating func finishedFollowing(_ step: FollowStep, _ outcome: BridgeOutcome, _ effects: inout BridgeEffects) {
        switch (step, outcome) {
        case (.closing, .done):
            isClosed = true
            follow(&effects)
        case (.comparing(let id), .compared(let comparison)): compared(comparison, id, &effects)
        case (.clearing(let id), .done): enter(.following(.starting(id)), .startChannel(id), &effects)
        case (.starting(let id), .done):
            rest(.following(.running(id)))
            note(.following, "the channel is on endpoint \(id)", &effects)
            promoteIfLeader(&effects)
        case (.starting, .failed(let reason)):
            isCompared = false
            enter(.following(.searching(reason: reason)), .pause, &effects)
        case (.closing, .failed(let reason)), (.comparing, .failed(let reason)), (.clearing, .failed(let reason)):
            enter(.following(.searching(reason: reason)), .pause, &effects)
        case (.searching, _): follow(&effects)
        case (.running, _): promoteIfLeader(&effects)
        case (.closing, _), (.comparing, _), (.clearing, _), (.starting, _), (.faulted, _): break
        }
    }

    private mutating func compared(
        _ comparison: SiteComparison, _ id: EndpointID, _ effects: inout BridgeEffects
    ) {
        switch comparison {
        case .contained:
            isCompared = true
            enter(.following(.clearing(id)), .clearChannels, &effects)
        case .orphans(let gtids): diverge(gtids, id, &effects)
        case .needsCopy(let reason): lacks(reason, &effects)
        }
    }

    mutating func diverge(_ gtids: [GTID], _ id: EndpointID, _ effects: inout BridgeEffects) {
        let listed = gtids.prefix(5).map(\.description).joined(separator: ", ") + (gtids.count > 5 ? ", …" : "")
        let reason = "this cluster holds transactions that the log has not, up to \(listed)"
        note(.diverged, reason, &effects)
        resign(reason, &effects)
        setSite(.closed, &effects)
        enter(.diverged(reason: reason), isClosed ? .exportOrphans(id) : .close, &effects)
    }

    /// Closed first, however often it takes: what a node still took after the export would be in no file.
    mutating func finishedDiverged(
        _ action: BridgeAction, _ outcome: BridgeOutcome, _ effects: inout BridgeEffects
    ) {
        if case .failed(let reason) = outcome {
            note(.diverged, "the orphans are not exported yet: \(reason)", &effects)
            return order(.pause, &effects)
        }
        if case .exportOrphans = action { return }
        if action == .close { isClosed = true }
        guard isClosed else { return order(.close, &effects) }
        guard let endpoint else { return order(.pause, &effects) }
        order(.exportOrphans(endpoint), &effects)
    }

    /// The log itself can't go on here: whatever the administrator does, this node joins anew.
    mutating func logDiverged(at lsn: LSN, _ effects: inout BridgeEffects) {
        guard divergedAt == nil else { return }
        divergedAt = lsn
        let reason =
            "another site was made the cluster by force after LSN \(lsn.previous): what this site wrote from there on is not in it"
        note(.diverged, reason, &effects)
        setSite(.closed, &effects)
        enter(.diverged(reason: reason), .close, &effects)
    }

    /// What it takes from now on would stand under the GTIDs of what it lacks, so it is closed.
    mutating func lacks(_ reason: String, _ effects: inout BridgeEffects) {
        note(.needsCopy, reason, &effects)
        resign(reason, &effects)
        setSite(.closed, &effects)
        if isClosed { rest(.needsCopy(reason: reason)) } else { enter(.needsCopy(reason: reason), .close, &effects) }
    }

    /// Closed, however often it takes.
    mutating func finishedNeedsCopy(
        _ action: BridgeAction, _ outcome: BridgeOutcome, _ effects: inout BridgeEffects
    ) {
        if case .failed = outcome { return order(.pause, &effects) }
        if action == .close { isClosed = true } else { order(.close, &effects) }
    }

    mutating func channelLost(_ id: EndpointID, _ reason: String, _ effects: inout BridgeEffects) {
        switch state {
        case .following(.running(id)), .promoting(.applying(id), _):
            note(.channelLost, reason, &effects)
            follow(&effects)
        case .waiting, .following, .promoting, .sourcing, .draining, .fenced, .diverged, .needsCopy, .stopped: break
        }
    }

    mutating func applierStopped(_ id: EndpointID, _ reason: String, _ effects: inout BridgeEffects) {
        switch state {
        case .following(.running(id)), .promoting(.applying(id), _):
            note(.applierStopped, reason, &effects)
            resign("the applier stopped: \(reason)", &effects)
            rest(.following(.faulted(id, reason: reason)))
        case .waiting, .following, .promoting, .sourcing, .draining, .fenced, .diverged, .needsCopy, .stopped: break
        }
    }

    mutating func retry(_ effects: inout BridgeEffects) {
        switch state {
        case .following(.faulted), .following(.searching), .diverged, .needsCopy:
            if divergedAt != nil { return }
            isCompared = false
            isClosed = false
            close(&effects)
        case .waiting, .following, .promoting, .sourcing, .draining, .fenced, .stopped: break
        }
    }
}
