import ClusterCore
import Testing

@Suite("Elections (Raft, section 5.2)")
struct ElectionTests {
    @Test("A node starts as a follower and waits a random election timeout")
    func startsAsFollower() {
        var deadlines: Set<Instant> = []
        for number in UInt16(1)...20 {
            let raft = raft(number, of: voters(20))
            #expect(raft.role == .follower)
            #expect(raft.nextDeadline >= ms(150) && raft.nextDeadline < ms(300))
            deadlines.insert(raft.nextDeadline)
        }
        #expect(deadlines.count > 10)
    }

    @Test("A candidate enters the next term, votes for itself, and both are to be on disk before anybody is asked")
    func candidate() throws {
        var raft = raft(1, term: 4)
        var effects = raft.handle(.tick, now: ms(300))
        #expect(raft.role == .preCandidate)
        #expect(effects.hardState == nil, "a pre-vote uses up no term")
        effects = raft.handle(.message(from: node(2), grant(5, preVote: true, term: 4)), now: ms(301))
        #expect(raft.role == .candidate)
        #expect(effects.hardState == HardState(term: Term(5), votedFor: node(1)))
        #expect(effects.voteRequests.map(\.round) == [Term(5), Term(5)])
        #expect(effects.voteRequests.allSatisfy { !$0.isPreVote && !$0.overridesLeader })
    }

    @Test("A majority of votes makes a leader, which says so at once and appends a no-op of its term (section 8)")
    func wins() {
        var cluster = TestCluster(voters(5))
        cluster.cutOff = [node(4), node(5)]
        cluster.elect(1)
        #expect(cluster[1].noOpCommitted)
        #expect(cluster.batches(of: 1) == [BatchDescriptor(first: LSN(1), count: 1, term: Term(1), bytes: 0)])
        #expect(cluster[2].leader == node(1))
        #expect(cluster.notices(of: 1).contains(.termEstablished(Term(1), noOp: LSN(1))))
    }

    @Test("Without a majority nobody leads, and a new attempt begins with a pre-vote")
    func noMajority() {
        var cluster = TestCluster(voters(5))
        cluster.isLost = { if case .voteReply(let reply) = $0 { !reply.isPreVote } else { false } }
        cluster.handle(.campaign, at: 1)
        #expect(cluster[1].role == .candidate)
        cluster.pass(320)
        #expect(cluster.leader == nil)
        let stalled = cluster.notices(of: 1).contains {
            if case .electionStalled(_, false, granted: 1, needed: 3, _) = $0 { true } else { false }
        }
        #expect(stalled)
        cluster.isLost = { _ in false }
        cluster.pass(1_000)
        #expect(cluster.leader != nil)
    }

    @Test("One vote a term, first come first served, and again for the same candidate")
    func oneVote() {
        var raft = raft(1)
        let first = raft.handle(.message(from: node(2), voteRequest(3, overrides: true)), now: ms(1))
        #expect(first.hardState == HardState(term: Term(3), votedFor: node(2)))
        #expect(first.voteReply?.refusal == nil)
        let second = raft.handle(.message(from: node(3), voteRequest(3, overrides: true)), now: ms(2))
        #expect(second.voteReply?.refusal == .votedForAnother)
        let again = raft.handle(.message(from: node(2), voteRequest(3, overrides: true)), now: ms(3))
        #expect(again.voteReply?.refusal == nil)
        #expect(again.hardState == nil)
    }

    @Test("A vote survives a restart")
    func voteSurvives() {
        var raft = raft(1, term: 3, vote: 2)
        let effects = raft.handle(.message(from: node(3), voteRequest(3)), now: ms(1_000))
        #expect(effects.voteReply?.refusal == .votedForAnother)
    }

    @Test("A request of an earlier term is refused with the present one")
    func earlierTerm() {
        var raft = raft(1, term: 7)
        let effects = raft.handle(.message(from: node(3), voteRequest(6)), now: ms(1_000))
        #expect(effects.voteReply == VoteReply(term: Term(7), round: Term(6), isPreVote: false, refusal: .termIsOver))
    }

    @Test(
        "Only a candidate whose log is at least as up to date gets a vote (section 5.4.1)",
        arguments: [
            (position(3, 2), true), (position(2, 2), false), (position(4, 2), true), (position(1, 3), true),
            (position(9, 1), false),
        ])
    func upToDate(last: LogPosition, granted: Bool) {
        for isPreVote in [true, false] {
            var raft = raft(1, term: 3, log: log([1, 1, 2]))
            let request = voteRequest(4, last: last, preVote: isPreVote)
            let effects = raft.handle(.message(from: node(2), request), now: ms(1_000))
            #expect(effects.voteReply?.refusal == (granted ? nil : .logIsBehind))
        }
    }

    @Test("A candidate follows a leader of its own term, and a leader a later term")
    func givesWay() {
        var raft = raft(1, of: voters(3), term: 1)
        _ = raft.handle(.campaign, now: ms(1))
        _ = raft.handle(.message(from: node(2), grant(2, preVote: true, term: 1)), now: ms(2))
        #expect(raft.role == .candidate)
        var effects = raft.handle(.message(from: node(3), heartbeat(2)), now: ms(3))
        #expect(raft.role == .follower && raft.leader == node(3))
        #expect(
            effects.notices.contains(
                .roleChanged(from: .candidate, to: .follower, term: Term(2), reason: .leaderAppeared(node(3)))))

        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        var old = cluster[1]
        effects = old.handle(.message(from: node(2), heartbeat(9)), now: cluster.now)
        #expect(old.role == .follower && old.term == Term(9) && old.leader == node(2))
        #expect(effects.hardState == HardState(term: Term(9)))
    }

    @Test("A node that is alone leads at once")
    func alone() {
        var raft = raft(1, of: voters(1))
        let effects = raft.handle(.tick, now: ms(0))
        #expect(raft.role == .leader)
        #expect(effects.hardState == HardState(term: Term(1), votedFor: node(1)))
        #expect(effects.append?.first == LSN(1))
        #expect(!raft.noOpCommitted)
        #expect(raft.handle(.durable(position(1, 1)), now: ms(1)).committed == LSN(1))
        #expect(raft.noOpCommitted)
    }

    @Test("Without automatic elections only a command starts one")
    func disabled() {
        var raft = raft(1, of: voters(1), elects: false)
        #expect(raft.handle(.tick, now: ms(10_000)).notices == [.electionNotStarted(.automaticElectionDisabled)])
        #expect(raft.handle(.tick, now: ms(10_001)).isEmpty, "said once in an election timeout")
        _ = raft.handle(.campaign, now: ms(10_002))
        #expect(raft.role == .leader)
    }

    @Test("Learners, strangers and nodes that could not serve do not campaign when told to")
    func mayNotCampaign() {
        var learner = raft(2, of: Membership([member(1), member(2, .learner)]))
        #expect(learner.handle(.campaign, now: ms(1)).notices == [.electionNotStarted(.notEligible(.learner))])
        var stranger = raft(7)
        #expect(stranger.handle(.campaign, now: ms(1)).notices == [.electionNotStarted(.notEligible(nil))])
        var unable = raft(1)
        _ = unable.handle(.mayLead(false), now: ms(1))
        #expect(unable.handle(.campaign, now: ms(1)).notices == [.electionNotStarted(.mayNotLead)])
    }

    private func grant(_ round: UInt64, preVote: Bool, term: UInt64) -> RaftMessage {
        .voteReply(VoteReply(term: Term(term), round: Term(round), isPreVote: preVote, refusal: nil))
    }
}
