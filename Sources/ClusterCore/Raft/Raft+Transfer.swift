/// Handing leadership over (thesis, section 3.10): no proposals, wait until the target has everything, tell it to
/// campaign at once.
extension Raft {
    mutating func startTransfer(to wanted: NodeNumber?, _ now: Instant, _ effects: inout RaftEffects) {
        switch transferTarget(wanted, now) {
        case .failure(let obstacle): effects.note(.transferAborted(to: wanted, obstacle))
        case .success(let target):
            leadership?.transfer = Leadership.Transfer(
                target: target, deadline: now.advanced(byNanoseconds: timing.electionMax))
            effects.note(.transferStarted(to: target))
            effects.pump.append(target)
            askTransferTarget(&effects)
        }
    }

    private func transferTarget(_ wanted: NodeNumber?, _ now: Instant) -> Result<NodeNumber, TransferObstacle> {
        guard let leadership else { return .failure(.notLeader) }
        if let transfer = leadership.transfer { return .failure(.alreadyTransferring(to: transfer.target)) }
        if let wanted {
            guard wanted != node, membership[wanted]?.role.mayLead == true else {
                return .failure(.notEligible(wanted))
            }
            let refuses = progress(of: wanted)?.mayLead == false
            return refuses ? .failure(.mayNotLead(wanted)) : .success(wanted)
        }
        let candidates = leadership.peers.filter {
            membership[$0.peer]?.role.mayLead == true && $0.mayLead == true
                && now.nanoseconds(since: $0.confirmed) <= timing.electionMin
        }
        return candidates.max { $0.match < $1.match }.map { .success($0.peer) } ?? .failure(.noCandidate)
    }

    /// A caretaker looks for somebody who can serve.
    mutating func handOver(_ now: Instant, _ effects: inout RaftEffects) {
        guard transferTarget == nil, case .success = transferTarget(nil, now) else { return }
        startTransfer(to: nil, now, &effects)
    }

    /// Tells the target, once it has the whole log on disk; again with every heartbeat.
    mutating func askTransferTarget(_ effects: inout RaftEffects) {
        guard let target = transferTarget, progress(of: target)?.match == log.last else { return }
        effects.send(.timeoutNow(TimeoutNow(term: term)), to: target)
    }

    mutating func expireTransfer(_ now: Instant, _ effects: inout RaftEffects) {
        guard let transfer = leadership?.transfer else { return }
        guard now >= transfer.deadline || membership[transfer.target]?.role.mayLead != true else { return }
        leadership?.transfer = nil
        effects.note(.transferAborted(to: transfer.target, .timedOut))
    }

    mutating func receive(
        _ request: TimeoutNow, from peer: NodeNumber, _ now: Instant, _ effects: inout RaftEffects
    ) {
        guard request.term == term, role == .follower, leader == peer else { return }
        startElection(.transfer, now, &effects)
    }
}
