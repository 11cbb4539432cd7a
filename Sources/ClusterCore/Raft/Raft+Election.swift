/// Elections: asking for votes and giving them (Raft section 5.2; pre-vote: thesis section 9.6).
extension Raft {
    /// Begins an election if this node may have one.
    mutating func startElection(_ kind: Election.Kind, _ now: Instant, _ effects: inout RaftEffects) {
        if let obstacle = electionObstacle(kind) {
            if role != .leader { resetElectionDeadline(now) }
            return effects.note(.electionNotStarted(obstacle))
        }
        switch kind {
        case .timeout, .forced: askForVotes(kind, isPreVote: true, now, &effects)
        case .transfer: askForVotes(kind, isPreVote: false, now, &effects)
        }
    }

    private func electionObstacle(_ kind: Election.Kind) -> ElectionObstacle? {
        if role == .leader { return .alreadyLeader }
        if divergedAt != nil { return .diverged }
        // Elsewhere a survivor became the cluster by itself, in a membership that this node has not received yet.
        if term.era > (memberships.records.last?.position.term.era ?? term.era) { return .superseded }
        guard let role = roleForElection, role.votes else { return .notEligible(ownRole) }
        switch kind {
        case .timeout: return electsItself ? nil : .automaticElectionDisabled
        case .forced, .transfer: return !role.mayLead ? .notEligible(role) : mayLead ? nil : .mayNotLead
        }
    }

    private mutating func askForVotes(
        _ kind: Election.Kind, isPreVote: Bool, _ now: Instant, _ effects: inout RaftEffects
    ) {
        let round = term.next
        if !isPreVote { setHardState(HardState(term: round, votedFor: node), &effects) }
        resetElectionDeadline(now)
        follower = FollowerState(matched: sharedWithEveryLeader, leaderContact: nil)
        setLeader(nil, &effects)
        election = Election(
            kind: kind, round: round, isPreVote: isPreVote, granted: [node],
            askAgainAt: now.advanced(byNanoseconds: timing.heartbeat))
        changeRole(to: isPreVote ? .preCandidate : .candidate, reason: reason(of: kind, isPreVote), &effects)
        effects.note(.electionStarted(round: round, isPreVote: isPreVote))
        sendVoteRequests(&effects)
        countVotes(now, &effects)
    }

    private func reason(of kind: Election.Kind, _ isPreVote: Bool) -> RoleChangeReason {
        switch kind {
        case .timeout: isPreVote ? .electionTimeout : .majority
        case .forced: .forced
        case .transfer: .transferred
        }
    }

    private func sendVoteRequests(_ effects: inout RaftEffects) {
        guard let election else { return }
        let request = VoteRequest(
            round: election.round, isPreVote: election.isPreVote, last: log.end,
            overridesLeader: election.overridesLeader)
        for member in membership.members where member.role.votes && !election.granted.contains(member.number) {
            effects.send(.voteRequest(request), to: member.number)
        }
    }

    /// Repeats the question, and gives an election up that found no majority in time.
    mutating func tickElection(_ now: Instant, _ effects: inout RaftEffects) {
        guard let election else { return }
        if now >= electionDeadline {
            noteStalledElection(election, &effects)
            // A pre-vote uses up no term and may go on asking, unless it was to depose a leader.
            guard election.isPreVote, election.kind == .timeout else {
                becomeFollower(reason: .noMajority, now, &effects)
                return startElection(.timeout, now, &effects)
            }
            resetElectionDeadline(now)
        }
        guard now >= election.askAgainAt else { return }
        self.election?.askAgainAt = now.advanced(byNanoseconds: timing.heartbeat)
        sendVoteRequests(&effects)
    }

    private func noteStalledElection(_ election: Election, _ effects: inout RaftEffects) {
        effects.note(
            .electionStalled(
                round: election.round, isPreVote: election.isPreVote, granted: election.granted.count,
                needed: membership.quorum, refusals: election.refusals))
    }

    mutating func receive(
        _ reply: VoteReply, from peer: NodeNumber, _ now: Instant, _ effects: inout RaftEffects
    ) {
        guard membership[peer] != nil else { return }
        if reply.term > term { return adopt(reply.term, from: peer, leader: nil, now, &effects) }
        guard let election, election.round == reply.round, election.isPreVote == reply.isPreVote else { return }
        if let refusal = reply.refusal {
            self.election?.refusals[peer] = refusal
        } else if !election.granted.contains(peer) {
            self.election?.granted.append(peer)
            self.election?.refusals[peer] = nil
            countVotes(now, &effects)
        }
    }

    private mutating func countVotes(_ now: Instant, _ effects: inout RaftEffects) {
        guard let election else { return }
        let votes = membership.members.count { $0.role.votes && election.granted.contains($0.number) }
        guard votes >= membership.quorum else { return }
        if election.isPreVote {
            askForVotes(election.kind, isPreVote: false, now, &effects)
        } else {
            becomeLeader(election.kind, now, &effects)
        }
    }

    mutating func receive(
        _ request: VoteRequest, from peer: NodeNumber, _ now: Instant, _ effects: inout RaftEffects
    ) {
        let refusal: VoteRefusal?
        if request.isPreVote {
            refusal = preVoteRefusal(request, now)
        } else if request.round > term, !request.overridesLeader, hearsLeader(now) {
            refusal = .leaderIsAlive
        } else {
            if request.round > term { adopt(request.round, from: peer, leader: nil, now, &effects) }
            refusal = voteRefusal(request, from: peer)
            if refusal == nil { vote(for: peer, now, &effects) }
        }
        let reply = VoteReply(term: term, round: request.round, isPreVote: request.isPreVote, refusal: refusal)
        effects.send(.voteReply(reply), to: peer)
    }

    private mutating func vote(for peer: NodeNumber, _ now: Instant, _ effects: inout RaftEffects) {
        if votedFor != peer { setHardState(HardState(term: term, votedFor: peer), &effects) }
        resetElectionDeadline(now)
    }

    private func preVoteRefusal(_ request: VoteRequest, _ now: Instant) -> VoteRefusal? {
        guard request.round > term else { return .termIsOver }
        if !request.overridesLeader, hearsLeader(now) { return .leaderIsAlive }
        return request.last.isUpToDate(with: log.end) ? nil : .logIsBehind
    }

    /// Whether it is a voter here does not matter: the candidate's membership may be newer (thesis, section 4.2.2).
    private func voteRefusal(_ request: VoteRequest, from peer: NodeNumber) -> VoteRefusal? {
        guard request.round == term else { return .termIsOver }
        guard votedFor == peer || (votedFor == nil && leader == nil) else { return .votedForAnother }
        return request.last.isUpToDate(with: log.end) ? nil : .logIsBehind
    }

    /// Whether a leader of the present term is alive, as far as this node can tell (thesis, section 4.2.3).
    private func hearsLeader(_ now: Instant) -> Bool {
        if role == .leader { return true }
        return follower.leaderContact.map { now.nanoseconds(since: $0) < timing.electionMin } ?? false
    }
}
