import ClusterCore

func ms(_ milliseconds: UInt64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

func node(_ number: UInt16) -> NodeNumber { NodeNumber(number) }

func member(_ number: UInt16, _ role: Role = .voter) -> Member {
    Member(id: "n\(number)", number: node(number), role: role, address: "host\(number):7654")
}

func voters(_ count: UInt16) -> Membership { Membership((1...count).map { member($0) }) }

func position(_ lsn: UInt64, _ term: UInt64) -> LogPosition { LogPosition(lsn: LSN(lsn), term: Term(term)) }

/// A log written as the terms of its entries, as the figures of the Raft paper show it: `[1, 1, 1, 4, 4]`.
func log(_ terms: [UInt64]) -> LogSummary {
    var runs: [TermRun] = []
    for (index, term) in terms.enumerated() where runs.last?.term != Term(term) {
        runs.append(TermRun(first: LSN(UInt64(index + 1)), term: Term(term)))
    }
    do { return try LogSummary(base: .zero, runs: runs, last: LSN(UInt64(terms.count))) } catch {
        preconditionFailure("\(error)")
    }
}

func configuration(_ number: UInt16, elects: Bool = true) -> RaftConfiguration {
    RaftConfiguration(
        node: node(number), electionTimeoutMin: .milliseconds(150), electionTimeoutMax: .milliseconds(300),
        heartbeatInterval: .milliseconds(50), disableAutoElection: !elects, seed: UInt64(number))
}

func raft(
    _ number: UInt16 = 1, of membership: Membership = voters(3), term: UInt64 = 0, vote: UInt16? = nil,
    log: LogSummary = LogSummary(), committed: UInt64 = 0, elects: Bool = true
) -> Raft {
    Raft(
        configuration: configuration(number, elects: elects),
        hardState: HardState(term: Term(term), votedFor: vote.map(node)), log: log,
        memberships: [MembershipRecord(position: .zero, membership: membership)], committed: LSN(committed), now: ms(0))
}

func batch(_ first: UInt64, _ count: Int = 1, term: UInt64, membership: Membership? = nil) -> BatchDescriptor {
    BatchDescriptor(first: LSN(first), count: count, term: Term(term), bytes: 100, membership: membership)
}

func append(_ term: UInt64, prev: LogPosition, _ batches: [BatchDescriptor] = [], commit: UInt64 = 0) -> RaftMessage {
    .append(AppendEntries(term: Term(term), prev: prev, batches: batches, commit: LSN(commit)))
}

func heartbeat(_ term: UInt64, commit: UInt64 = 0, sentAt: Instant = .zero) -> RaftMessage {
    .heartbeat(Heartbeat(term: Term(term), commit: LSN(commit), sentAt: sentAt))
}

func voteRequest(
    _ round: UInt64, last: LogPosition = .zero, preVote: Bool = false, overrides: Bool = false
) -> RaftMessage {
    .voteRequest(VoteRequest(round: Term(round), isPreVote: preVote, last: last, overridesLeader: overrides))
}

extension RaftEffects {
    func messages(to peer: UInt16) -> [RaftMessage] { messages.filter { $0.to == node(peer) }.map(\.message) }

    var voteReply: VoteReply? {
        for outbound in messages { if case .voteReply(let reply) = outbound.message { return reply } }
        return nil
    }
    var appendReply: AppendReply? {
        for outbound in messages { if case .appendReply(let reply) = outbound.message { return reply } }
        return nil
    }
    var heartbeatReply: HeartbeatReply? {
        for outbound in messages { if case .heartbeatReply(let reply) = outbound.message { return reply } }
        return nil
    }
    var voteRequests: [VoteRequest] {
        messages.compactMap { if case .voteRequest(let request) = $0.message { request } else { nil } }
    }
    var timeoutNowTargets: [NodeNumber] {
        messages.compactMap { if case .timeoutNow = $0.message { $0.to } else { nil } }
    }
}
