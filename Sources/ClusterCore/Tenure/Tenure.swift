/// Decides what the local database must be, and by which steps it gets there. A pure value: events in, effects out.
///
/// It keeps the invariants I3 (the order of promotion), I4 (not writable without leadership), I5 (a server in which commits may wait
/// is killed, never stopped politely), I6 (nothing is followed before its history is known to be contained in the log) and
/// I8 (writable only with everything that the log has committed).
///
/// One order is under way at a time. A newer order supersedes it: the runtime drops the old one's work, and its outcome, should it
/// still come, is ignored by its id.
public struct Tenure: Sendable, Hashable {
    public private(set) var state: TenureState
    public private(set) var leadership: Standing = .unknown(term: .zero)

    private var underWay: TenureOrder?
    private var lastOrderID: UInt64 = 0
    private var mayLead = false
    /// How often an adopted primary has waited for leadership to be known.
    private var adoptedWaits = 0
    /// Then it is fenced: nothing commits in it, but its reads grow older and older. (I4)
    private static let adoptedWaitsMax = 10

    /// A node whose database has not been looked at yet. ``begin()`` gives the first order.
    public init() { state = .down(reason: "the agent has just started") }

    /// The first order: start the server, or adopt it.
    public mutating func begin() -> TenureEffects {
        var effects = TenureEffects()
        enter(.starting, .start, &effects)
        return effects
    }

    public mutating func handle(_ event: TenureEvent) -> TenureEffects {
        var effects = TenureEffects()
        if state == .stopped { return effects }
        switch event {
        case .leadership(let leadership):
            self.leadership = leadership
            leadershipChanged(&effects)
        case .finished(let id, let outcome):
            guard let order = underWay, order.id == id else { return effects }
            underWay = nil
            finished(order.action, outcome, &effects)
        case .serverLost(let reason): serverLost(reason, &effects)
        case .captureLost(let reason): captureLost(reason, &effects)
        case .replicaStopped(let reason): replicaStopped(reason, &effects)
        case .guaranteeBroken(let reason): note(.guaranteeBroken, reason, &effects)
        case .stepDown(let target): stepDown(target, &effects)
        case .stop:
            state = .stopped
            underWay = nil
        }
        reportMayLead(&effects)
        return effects
    }

    /// Whether `order` is the one whose outcome is awaited. The runtime asks before each irreversible act.
    public func isCurrent(_ order: TenureOrder) -> Bool { underWay == order }

    // MARK: Standing

    private mutating func leadershipChanged(_ effects: inout TenureEffects) {
        switch state {
        case .recovering:
            if underWay == nil, leadership.isSettled { order(.inspect, &effects) }
        case .adopted:
            switch leadership {
            case .unknown: break
            case .follower: fence("another node leads term \(leadership.term)", &effects)
            case .leader(let term, _, let settled):
                if settled { enter(.promoting(.holding, term: term), .holdCommits, &effects) }
            }
        case .replica:
            promoteIfLeader(&effects)
        case .promoting(let step, let term):
            if !leads(term) {
                abandonPromotion(step, "leadership of term \(term) ended during the promotion", &effects)
            }
        case .primary(let term), .draining(_, let term, _):
            if !leads(term) { fence("leadership of term \(term) ended", &effects) }
        case .down, .starting, .fencing, .diverged, .needsProvision, .stopped:
            break
        }
    }

    private func leads(_ term: Term) -> Bool {
        if case .leader(term, _, _) = leadership { true } else { false }
    }

    /// Everything before the no-op is applied next, once the no-op is committed. (I3, first condition)
    private mutating func promoteIfLeader(_ effects: inout TenureEffects) {
        guard case .leader(let term, let noOp, settled: true) = leadership, underWay == nil else { return }
        enter(.promoting(.applying, term: term), .awaitApplied(through: noOp), &effects)
    }

    /// Before commits could wait the server simply goes on following; after that it is fenced.
    private mutating func abandonPromotion(_ step: PromotionStep, _ reason: String, _ effects: inout TenureEffects) {
        note(.promotionFailed, reason, &effects)
        switch step {
        case .applying, .unfollowing: enter(.replica, .follow, &effects)
        case .holding, .attaching, .opening: fence(reason, &effects)
        }
    }

    // MARK: Outcomes

    private mutating func finished(_ action: TenureAction, _ outcome: TenureOutcome, _ effects: inout TenureEffects) {
        switch (state, outcome) {
        case (.starting, .started(let start)): started(start, &effects)
        case (.starting, .failed(let reason)): goDown(reason, &effects)
        case (.down, _): enter(.starting, .start, &effects)
        case (.fencing, .killed): enter(.starting, .start, &effects)
        case (.fencing(let why), .failed(let reason)):
            state = .fencing(reason: why)
            note(.fenced, "the kill failed and is tried again: \(reason)", &effects)
            order(action == .kill ? .pause : .kill, &effects)
        case (.fencing, _): order(.kill, &effects)
        case (.recovering, .inspected(let inspection)): inspected(inspection, &effects)
        case (.recovering, .failed): order(.pause, &effects)
        case (.recovering, _): if leadership.isSettled { order(.inspect, &effects) }
        case (.replica, .failed(let reason)): replicaStopped(reason, &effects)
        case (.replica, _): promoteIfLeader(&effects)
        case (.promoting(let step, let term), .failed(let reason)):
            abandonPromotion(step, reason, &effects)
            effects.resign = "the database can't be promoted in term \(term): \(reason)"
        case (.promoting(let step, let term), _): promoted(step, term, &effects)
        case (.draining(let step, let term, let target), _):
            drained(step, term, target, outcome, &effects)
        case (.adopted, _):
            adoptedWaits += 1
            if adoptedWaits < Self.adoptedWaitsMax {
                order(.pause, &effects)
            } else {
                fence("no leader was found while commits waited in it", &effects)
            }
        case (.diverged, .failed(let reason)):
            note(.diverged, "the orphans are not exported yet: \(reason)", &effects)
            order(action == .pause ? .exportOrphans : .pause, &effects)
        case (.diverged, _): if action == .pause { order(.exportOrphans, &effects) }
        case (.primary, _), (.needsProvision, _), (.stopped, _): break
        case (.starting, _): order(.start, &effects)
        }
    }

    private mutating func started(_ outcome: StartOutcome, _ effects: inout TenureEffects) {
        switch outcome {
        case .fresh, .adoptedReplica:
            note(outcome == .fresh ? .started : .adopted, "read-only, waiting to be compared with the log", &effects)
            state = .recovering
            if leadership.isSettled { order(.inspect, &effects) }
        case .adoptedPrimary:
            note(.adopted, "it was a primary; commits wait in it until leadership is known", &effects)
            state = .adopted
            adoptedWaits = 0
            leadershipChanged(&effects)
            if state == .adopted { order(.pause, &effects) }
        case .refused(let reason):
            diverge("the server refuses to start as a replica: \(reason)", &effects)
        }
    }

    private mutating func inspected(_ inspection: Inspection, _ effects: inout TenureEffects) {
        switch inspection {
        case .contained:
            note(.following, "its history is contained in the log", &effects)
            enter(.replica, .follow, &effects)
        case .orphans(let gtids):
            let listed = gtids.prefix(5).map(\.description).joined(separator: ", ")
            diverge("it holds transactions that the log has not: \(listed)\(gtids.count > 5 ? ", …" : "")", &effects)
        case .purged(let reason):
            note(.needsProvision, reason, &effects)
            state = .needsProvision(reason: reason)
            resignIfLeader("the log no longer reaches back to the database's position", &effects)
        }
    }

    private mutating func promoted(_ step: PromotionStep, _ term: Term, _ effects: inout TenureEffects) {
        guard case .leader(term, let noOp, settled: true) = leadership else {
            return abandonPromotion(step, "leadership of term \(term) ended during the promotion", &effects)
        }
        switch step {
        case .applying: enter(.promoting(.unfollowing, term: term), .unfollow(through: noOp), &effects)
        case .unfollowing: enter(.promoting(.holding, term: term), .holdCommits, &effects)
        case .holding: enter(.promoting(.attaching, term: term), .attachCapture(term: term), &effects)
        case .attaching: enter(.promoting(.opening, term: term), .openWrites, &effects)
        case .opening:
            state = .primary(term: term)
            note(.promoted, "writable in term \(term)", &effects)
        }
    }

    private mutating func drained(
        _ step: DrainStep, _ term: Term, _ target: NodeNumber?, _ outcome: TenureOutcome, _ effects: inout TenureEffects
    ) {
        if case .failed(let reason) = outcome {
            note(.drainFailed, reason, &effects)
            switch step {
            case .closing, .settling: enter(.draining(.reopening, term: term, target: target), .openWrites, &effects)
            case .releasing, .reopening: fence("the drain could neither finish nor be undone: \(reason)", &effects)
            }
            return
        }
        switch step {
        case .closing: enter(.draining(.settling, term: term, target: target), .settle, &effects)
        case .settling: enter(.draining(.releasing, term: term, target: target), .releaseCommits, &effects)
        case .releasing:
            note(.drained, "read-only, and everything it wrote is committed", &effects)
            effects.handOver = .init(target: target)
            enter(.replica, .follow, &effects)
        case .reopening:
            state = .primary(term: term)
        }
    }

    // MARK: Losses

    private mutating func serverLost(_ reason: String, _ effects: inout TenureEffects) {
        switch state {
        case .fencing, .starting, .down, .stopped: return
        case .primary, .promoting, .draining, .adopted, .replica, .recovering, .diverged, .needsProvision:
            break
        }
        note(.lost, reason, &effects)
        resignIfLeader("the database was lost: \(reason)", &effects)
        enter(.fencing(reason: reason), .kill, &effects)
    }

    private mutating func captureLost(_ reason: String, _ effects: inout TenureEffects) {
        switch state {
        case .primary(let term):
            // Commits keep waiting meanwhile; the server lives, so the dump connection is made again in place.
            note(.lost, "the dump connection: \(reason)", &effects)
            enter(.promoting(.attaching, term: term), .attachCapture(term: term), &effects)
        case .promoting(.opening, let term):
            enter(.promoting(.attaching, term: term), .attachCapture(term: term), &effects)
        case .draining(.settling, let term, _), .draining(.closing, let term, _):
            fence("the dump connection was lost while draining term \(term)", &effects)
        case .down, .starting, .recovering, .adopted, .replica, .promoting, .draining, .fencing, .diverged,
            .needsProvision, .stopped:
            break
        }
    }

    private mutating func replicaStopped(_ reason: String, _ effects: inout TenureEffects) {
        guard state == .replica, underWay == nil else { return }
        note(.lost, "the replica channel: \(reason)", &effects)
        resignIfLeader("the replica channel stopped: \(reason)", &effects)
        state = .recovering
        order(.pause, &effects)
    }

    private mutating func stepDown(_ target: NodeNumber?, _ effects: inout TenureEffects) {
        switch state {
        case .primary(let term):
            enter(.draining(.closing, term: term, target: target), .closeWrites, &effects)
        case .promoting, .replica, .recovering, .down, .starting, .diverged, .needsProvision, .adopted:
            if case .leader = leadership { effects.handOver = .init(target: target) }
        case .draining, .fencing, .stopped:
            break
        }
    }

    // MARK: Small parts

    private mutating func order(_ action: TenureAction, _ effects: inout TenureEffects) {
        lastOrderID += 1
        let order = TenureOrder(id: lastOrderID, action: action)
        underWay = order
        effects.order = order
    }

    private mutating func enter(_ state: TenureState, _ action: TenureAction, _ effects: inout TenureEffects) {
        self.state = state
        order(action, &effects)
    }

    private mutating func fence(_ reason: String, _ effects: inout TenureEffects) {
        note(.fenced, reason, &effects)
        enter(.fencing(reason: reason), .kill, &effects)
    }

    private mutating func goDown(_ reason: String, _ effects: inout TenureEffects) {
        note(.lost, "it does not start: \(reason)", &effects)
        resignIfLeader("the database does not start: \(reason)", &effects)
        enter(.down(reason: reason), .pause, &effects)
    }

    private mutating func diverge(_ reason: String, _ effects: inout TenureEffects) {
        note(.diverged, reason, &effects)
        resignIfLeader("the database has diverged", &effects)
        enter(.diverged(reason: reason), .exportOrphans, &effects)
    }

    private func resignIfLeader(_ reason: String, _ effects: inout TenureEffects) {
        if case .leader = leadership { effects.resign = reason }
    }

    private func note(_ kind: TenureNote.Kind, _ reason: String, _ effects: inout TenureEffects) {
        effects.notes.append(TenureNote(kind: kind, reason: reason))
    }

    private mutating func reportMayLead(_ effects: inout TenureEffects) {
        let able =
            switch state {
            case .recovering, .adopted, .replica, .promoting, .primary, .draining: true
            case .down, .starting, .fencing, .diverged, .needsProvision, .stopped: false
            }
        if able != mayLead {
            mayLead = able
            effects.mayLead = able
        }
    }
}
