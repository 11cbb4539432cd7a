/// Decides what a bridge's agent does with the Galera cluster beside it. A pure value: events in, effects out.
///
/// It keeps, together with the proofs that its orders ask for:
///  B1. At most one replica channel feeds a cluster: none is started before ``BridgeAction/clearChannels`` has succeeded since the last.
///  B2. No channel feeds a cluster whose site takes writes: the site is closed before, and cleared before it is opened.
///  B3. A site is opened only by the leader of an established term, holding all that the log had committed before it.
///  B4. A site that lost leadership is closed, and is fed only after its history was found to be contained in the log.
///  B5. Leadership is handed over only when every node is closed and all they wrote is committed in the log.
///  B6. A site that lost what was captured from it takes no writes: they would stand under the GTIDs of others.
///
/// One order is under way at a time, as in ``Tenure``.
public struct Bridge: Sendable, Hashable {
    public internal(set) var state = BridgeState.waiting
    public private(set) var leadership: Standing = .unknown(term: .zero)
    /// Whether the site's nodes may take writes, as far as this agent has had a say.
    public internal(set) var site = SitePolicy.untouched
    public private(set) var endpoint: EndpointID?

    var noEndpointReason = "no endpoint has been looked at yet"
    /// Whether this site's history was compared with the log since it last took writes.
    var isCompared = false
    /// Whether every node was set read-only since the site was last open, or since the agent started.
    var isClosed = false
    /// Where the log here and the cluster's part for good; nil when they don't.
    public internal(set) var divergedAt: LSN?
    private var underWay: BridgeOrder?
    private var lastOrderID: UInt64 = 0
    private var mayLead = false
    private var pausesWithoutLeader = 0
    /// So many seconds may pass after the start without a known leader; then the site is fenced.
    private static let pausesWithoutLeaderMax = 15

    public init() {}

    public mutating func begin() -> BridgeEffects {
        var effects = BridgeEffects()
        takeUp(&effects)
        return effects
    }

    public mutating func handle(_ event: BridgeEvent) -> BridgeEffects {
        var effects = BridgeEffects()
        if state == .stopped { return effects }
        switch event {
        case .leadership(let standing):
            leadership = standing
            leadershipChanged(&effects)
        case .endpoint(let id, let reason): endpointChanged(id, reason, &effects)
        case .finished(let id, let outcome):
            guard let order = underWay, order.id == id else { return effects }
            underWay = nil
            finished(order.action, outcome, &effects)
        case .captureLost(let reason): captureLost(reason, &effects)
        case .channelLost(let id, let reason): channelLost(id, reason, &effects)
        case .applierStopped(let id, let reason): applierStopped(id, reason, &effects)
        case .stepDown(let target): stepDown(target, &effects)
        case .handOverFailed(let reason):
            if case .draining(.handingOver(let id), let term, let target) = state {
                reopen(id, term, target, reason, &effects)
            }
        case .logDiverged(let lsn): logDiverged(at: lsn, &effects)
        case .retry: retry(&effects)
        case .stop:
            state = .stopped
            underWay = nil
        }
        reportMayLead(&effects)
        return effects
    }

    public func isCurrent(_ order: BridgeOrder) -> Bool { underWay == order }

    var isIdle: Bool { underWay == nil }

    // MARK: Leadership

    /// From `waiting`, or from `fenced` once the site is closed: what the leadership makes of this site.
    mutating func takeUp(_ effects: inout BridgeEffects) {
        switch leadership {
        case .leader(let term, let noOp, settled: true):
            guard let endpoint else { return wait(&effects) }
            isCompared = false
            enter(.promoting(.comparing(endpoint), term: term), .compare(endpoint, through: noOp), &effects)
        case .follower(_, settled: true):
            isCompared = false
            if isClosed { follow(&effects) } else { close(&effects) }
        case .leader, .follower, .unknown: wait(&effects)
        }
    }

    private mutating func wait(_ effects: inout BridgeEffects) {
        guard isIdle else { return }
        switch state {
        case .waiting: order(.pause, &effects)
        // A node could not be closed: tried again until it can be.
        case .fenced: if !isClosed { order(.close, &effects) }
        case .following, .promoting, .sourcing, .draining, .diverged, .needsCopy, .stopped: break
        }
    }

    private mutating func leadershipChanged(_ effects: inout BridgeEffects) {
        if divergedAt != nil { return }
        switch state {
        case .waiting: takeUp(&effects)
        case .fenced: if isIdle { takeUp(&effects) }
        case .following: promoteIfLeader(&effects)
        case .promoting(_, let term):
            guard !leads(term) else { return }
            note(.fenced, "leadership of term \(term) ended during the promotion", &effects)
            if isClosed { follow(&effects) } else { fence("leadership of term \(term) ended", &effects) }
        case .sourcing(_, let term):
            if !leads(term) { fence("leadership of term \(term) ended", &effects) }
        case .draining(.handingOver, let term, _):
            guard !leads(term) else { return }
            note(.drained, "read-only, and everything it wrote is committed", &effects)
            state = .fenced(reason: "leadership was handed over")
            takeUp(&effects)
        case .draining(_, let term, _):
            if !leads(term) { fence("leadership of term \(term) ended", &effects) }
        case .diverged, .needsCopy: if case .leader = leadership { resign("this site can't serve", &effects) }
        case .stopped: break
        }
    }

    func leads(_ term: Term) -> Bool {
        if case .leader(term, _, _) = leadership { true } else { false }
    }

    /// What was committed before this term is applied first, over the channel. (B3)
    mutating func promoteIfLeader(_ effects: inout BridgeEffects) {
        guard case .leader(let term, let noOp, settled: true) = leadership, isIdle else { return }
        switch state {
        case .following(.running(let id)):
            enter(.promoting(.applying(id), term: term), .awaitApplied(id, through: noOp), &effects)
        case .following(.faulted(_, let reason)): resign("the applier stopped: \(reason)", &effects)
        default: break
        }
    }

    // MARK: Endpoints

    private mutating func endpointChanged(_ new: EndpointID?, _ reason: String, _ effects: inout BridgeEffects) {
        let old = endpoint
        endpoint = new
        if new == nil {
            noEndpointReason = reason
            if old != nil { note(.noEndpoint, reason, &effects) }
        }
        switch state {
        case .waiting: takeUp(&effects)
        case .fenced: if isIdle { takeUp(&effects) }
        case .following(.closing), .following(.faulted): break
        case .following(let step): if new == nil || step.endpoint != new { follow(&effects) }
        case .promoting(.comparing(let id), _):
            guard id != new else { return }
            state = .waiting
            cancelOrder()
            takeUp(&effects)
        case .promoting(.applying(let id), _): if id != new { follow(&effects) }
        case .promoting(.connecting(let id), let term), .promoting(.opening(let id), let term):
            if let new, new != id { connect(new, promoting: term, &effects) }
        case .sourcing(.connecting(let id), let term), .sourcing(.running(let id), let term):
            if id != new { source(term, &effects) }
        case .sourcing(.searching, let term): source(term, &effects)
        case .promoting(.clearing, _), .draining, .diverged, .needsCopy, .stopped: break
        }
    }

    // MARK: The small parts

    mutating func order(_ action: BridgeAction, _ effects: inout BridgeEffects) {
        lastOrderID += 1
        let order = BridgeOrder(id: lastOrderID, action: action)
        underWay = order
        effects.order = order
    }

    mutating func cancelOrder() { underWay = nil }

    mutating func enter(_ state: BridgeState, _ action: BridgeAction, _ effects: inout BridgeEffects) {
        self.state = state
        order(action, &effects)
    }

    /// Without an order; one that was under way is forgotten.
    mutating func rest(_ state: BridgeState) {
        self.state = state
        underWay = nil
    }

    mutating func setSite(_ policy: SitePolicy, _ effects: inout BridgeEffects) {
        if policy == .open { isClosed = false }
        site = policy
        effects.site = policy
    }

    mutating func note(_ kind: BridgeNote.Kind, _ reason: String, _ effects: inout BridgeEffects) {
        effects.notes.append(BridgeNote(kind: kind, reason: reason))
    }

    mutating func resign(_ reason: String, _ effects: inout BridgeEffects) {
        if case .leader = leadership { effects.resign = reason }
    }

    mutating func fence(_ reason: String, _ effects: inout BridgeEffects) {
        note(.fenced, reason, &effects)
        setSite(.closed, &effects)
        isCompared = false
        enter(.fenced(reason: reason), .close, &effects)
    }

    /// A pause in `waiting` is over: the leadership is asked again, and after a while without a leader the site is fenced.
    mutating func waited(_ effects: inout BridgeEffects) {
        if case .unknown = leadership {
            pausesWithoutLeader += 1
            if pausesWithoutLeader >= Self.pausesWithoutLeaderMax {
                return fence("no leader was found since the agent started", &effects)
            }
        }
        takeUp(&effects)
    }

    private mutating func reportMayLead(_ effects: inout BridgeEffects) {
        let able =
            switch state {
            case .waiting, .promoting, .sourcing, .draining, .fenced: endpoint != nil
            case .following(.faulted): false
            case .following: endpoint != nil
            case .diverged, .needsCopy, .stopped: false
            }
        if able != mayLead {
            mayLead = able
            effects.mayLead = able
        }
    }
}
