/// A site that is the source, on the way there, and on the way down by plan.
extension Bridge {
    mutating func finished(_ action: BridgeAction, _ outcome: BridgeOutcome, _ effects: inout BridgeEffects) {
        switch state {
        case .waiting: waited(&effects)
        case .following(let step): finishedFollowing(step, outcome, &effects)
        case .promoting(let step, let term):
            if action == .pause { tryAgain(step, term, &effects) } else { promoted(step, term, outcome, &effects) }
        case .sourcing(let step, let term): sourced(step, term, outcome, &effects)
        case .draining(let step, let term, let target): drained(step, term, target, outcome, &effects)
        case .fenced:
            if action == .close {
                guard outcome == .done else { return order(.pause, &effects) }
                isClosed = true
            }
            takeUp(&effects)
        case .diverged: finishedDiverged(action, outcome, &effects)
        case .needsCopy: finishedNeedsCopy(action, outcome, &effects)
        case .stopped: break
        }
    }

    // MARK: Promotion

    private mutating func promoted(
        _ step: SitePromotionStep, _ term: Term, _ outcome: BridgeOutcome, _ effects: inout BridgeEffects
    ) {
        switch (step, outcome) {
        case (.comparing, .compared(.contained(complete: true))), (.applying, .done):
            isCompared = true
            enter(.promoting(.clearing, term: term), .clearChannels, &effects)
        case (.comparing, .compared(.contained(complete: false))):
            // It must be fed before it may lead: closed first. (B2)
            isCompared = true
            close(&effects)
        case (.comparing(let id), .compared(.orphans(let gtids))): diverge(gtids, id, &effects)
        case (.comparing, .compared(.needsCopy(let reason))), (.connecting, .compared(.needsCopy(let reason))):
            lacks(reason, &effects)
        case (.comparing, _):
            rest(.waiting)
            order(.pause, &effects)
        case (.applying, _):
            note(.channelLost, "what the log holds could not be applied: \(outcome)", &effects)
            enter(.following(.searching(reason: "\(outcome)")), .pause, &effects)
        case (.clearing, .done):
            guard let endpoint else { return order(.pause, &effects) }
            connect(endpoint, promoting: term, &effects)
        case (.connecting, .compared(.contained)): promoteAgain(&effects)
        case (.clearing, _), (.connecting, .failed), (.connecting, .compared):
            note(.captureLost, "\(outcome)", &effects)
            order(.pause, &effects)
        case (.connecting(let id), .done):
            setSite(.open, &effects)
            enter(.promoting(.opening(id), term: term), .open, &effects)
        case (.opening(let id), _):
            // A node that could not be reached is opened as soon as it can be.
            rest(.sourcing(.running(id), term: term))
            note(.promoted, "writable in term \(term), captured from endpoint \(id)", &effects)
        }
    }

    /// It was set back behind what others wrote: fed anew, then the source again. (B3)
    private mutating func promoteAgain(_ effects: inout BridgeEffects) {
        rest(.waiting)
        order(.pause, &effects)
    }

    /// The pause after a failed attempt is over.
    private mutating func tryAgain(_ step: SitePromotionStep, _ term: Term, _ effects: inout BridgeEffects) {
        switch step {
        case .comparing: takeUp(&effects)
        case .clearing: order(.clearChannels, &effects)
        case .connecting(let id), .opening(let id): connect(endpoint ?? id, promoting: term, &effects)
        case .applying: follow(&effects)
        }
    }

    /// The site is opened, again or for the first time, when the capture runs: until then it may be one that was set back.
    mutating func connect(_ id: EndpointID, promoting term: Term, _ effects: inout BridgeEffects) {
        leaveAsFound(&effects)
        enter(.promoting(.connecting(id), term: term), .startCapture(id, term: term), &effects)
    }

    // MARK: The source

    /// Captures from the best endpoint.
    mutating func source(_ term: Term, _ effects: inout BridgeEffects) {
        leaveAsFound(&effects)
        guard let endpoint else { return rest(.sourcing(.searching(reason: noEndpointReason), term: term)) }
        enter(.sourcing(.connecting(endpoint), term: term), .startCapture(endpoint, term: term), &effects)
    }

    private mutating func leaveAsFound(_ effects: inout BridgeEffects) {
        if site == .open { setSite(.asFound, &effects) }
    }

    private mutating func sourced(
        _ step: SourceStep, _ term: Term, _ outcome: BridgeOutcome, _ effects: inout BridgeEffects
    ) {
        switch (step, outcome) {
        case (.connecting(let id), .done):
            setSite(.open, &effects)
            rest(.sourcing(.running(id), term: term))
            note(.capturing, "from endpoint \(id)", &effects)
        case (.connecting, .failed(let reason)):
            enter(.sourcing(.searching(reason: reason), term: term), .pause, &effects)
        case (.connecting, .compared(.needsCopy(let reason))): lacks(reason, &effects)
        case (.connecting, .compared(.contained)): promoteAgain(&effects)
        case (.connecting, _), (.searching, _): source(term, &effects)
        case (.running, _): break
        }
    }

    mutating func captureLost(_ reason: String, _ effects: inout BridgeEffects) {
        switch state {
        case .sourcing(.running, let term):
            note(.captureLost, reason, &effects)
            source(term, &effects)
        case .promoting(.opening(let id), let term):
            note(.captureLost, reason, &effects)
            connect(endpoint ?? id, promoting: term, &effects)
        case .draining(.closing(let id), let term, _), .draining(.settling(let id), let term, _),
            .draining(.reopening(let id), let term, _):
            note(.drainFailed, "the capture was lost: \(reason)", &effects)
            connect(endpoint ?? id, promoting: term, &effects)
        case .waiting, .following, .promoting, .sourcing, .draining, .fenced, .diverged, .needsCopy, .stopped: break
        }
    }

    // MARK: Down by plan

    mutating func stepDown(_ target: NodeNumber?, _ effects: inout BridgeEffects) {
        switch state {
        case .sourcing(.running(let id), let term):
            setSite(.closed, &effects)
            enter(.draining(.closing(id), term: term, target: target), .close, &effects)
        case .sourcing: note(.drainFailed, "the capture does not run, so what was written can't be drained", &effects)
        case .needsCopy where !isClosed:
            note(.drainFailed, "not every node of this site is read-only yet; try again in a moment", &effects)
        case .waiting, .following, .promoting, .fenced, .diverged, .needsCopy:
            if case .leader = leadership { effects.handOver = .init(target: target) }
        case .draining, .stopped: break
        }
    }

    private mutating func drained(
        _ step: SiteDrainStep, _ term: Term, _ target: NodeNumber?, _ outcome: BridgeOutcome,
        _ effects: inout BridgeEffects
    ) {
        switch (step, outcome) {
        case (.closing(let id), .done):
            isClosed = true
            enter(.draining(.settling(id), term: term, target: target), .settle, &effects)
        case (.settling(let id), .done):
            rest(.draining(.handingOver(id), term: term, target: target))
            effects.handOver = .init(target: target)
        case (.closing(let id), .failed(let reason)), (.settling(let id), .failed(let reason)):
            reopen(id, term, target, reason, &effects)
        case (.reopening, _): source(term, &effects)
        case (.closing, _), (.settling, _), (.handingOver, _): break
        }
    }

    mutating func reopen(
        _ id: EndpointID, _ term: Term, _ target: NodeNumber?, _ reason: String, _ effects: inout BridgeEffects
    ) {
        note(.drainFailed, reason, &effects)
        setSite(.open, &effects)
        enter(.draining(.reopening(id), term: term, target: target), .open, &effects)
    }
}
