import ClusterCore
import Testing

@Suite("Pre-vote and check-quorum (thesis, sections 9.6, 4.2.3 and 6.2)")
struct PreVoteTests {
    @Test("A node that was cut off comes back without disturbing anybody")
    func partitionedNode() {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        cluster.cutOff = [node(3)]
        cluster.pass(2_000)
        #expect(cluster[3].role == .preCandidate)
        #expect(cluster[3].term == Term(1), "its term did not grow")
        cluster.cutOff = []
        cluster.pass(200)
        #expect(cluster[3].role == .follower && cluster[3].leader == node(1))
        #expect(cluster.leader == 1 && cluster[1].term == Term(1))
    }

    @Test("Who hears a leader refuses the vote, whatever the term, and keeps its own")
    func leaderIsAlive() {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        for number in [UInt16(1), 2] {
            for isPreVote in [true, false] {
                var raft = cluster[number]
                let request = voteRequest(9, last: position(9, 8), preVote: isPreVote)
                let effects = raft.handle(.message(from: node(3), request), now: cluster.now)
                #expect(effects.voteReply?.refusal == .leaderIsAlive)
                #expect(raft.term == Term(1))
            }
        }
    }

    @Test("Once the minimal election timeout is over without a leader, the vote is given")
    func leaderIsGone() {
        var raft = raft(1, term: 1)
        _ = raft.handle(.message(from: node(2), heartbeat(1)), now: ms(100))
        var effects = raft.handle(.message(from: node(3), voteRequest(2, preVote: true)), now: ms(249))
        #expect(effects.voteReply?.refusal == .leaderIsAlive)
        effects = raft.handle(.message(from: node(3), voteRequest(2, preVote: true)), now: ms(250))
        #expect(effects.voteReply?.refusal == nil)
        #expect(effects.hardState == nil)
    }

    @Test("A node that has just started refuses too: it may have heard from a leader before")
    func justStarted() {
        var raft = raft(1, term: 1)
        let effects = raft.handle(.message(from: node(3), voteRequest(2)), now: ms(149))
        #expect(effects.voteReply?.refusal == .leaderIsAlive)
    }

    @Test("A refused pre-candidate asks again with every heartbeat interval, not after a whole timeout")
    func asksAgain() {
        var raft = raft(1)
        #expect(raft.handle(.tick, now: ms(300)).voteRequests.count == 2)
        #expect(raft.handle(.tick, now: ms(349)).voteRequests.isEmpty)
        #expect(raft.handle(.tick, now: ms(350)).voteRequests.count == 2)
        #expect(raft.term == .zero)
    }

    @Test("A voter of a later term makes the candidate catch up and try again")
    func laterTerm() {
        var cluster = TestCluster([raft(1), raft(2, term: 6), raft(3, term: 6)])
        cluster.cutOff = [node(3)]
        cluster.pass(600)
        #expect(cluster.leader != nil)
        #expect(cluster[1].term == Term(7))
    }

    @Test("A leader without a majority steps down within the minimal election timeout")
    func quorumLost() {
        var cluster = TestCluster(voters(5))
        cluster.elect(1)
        cluster.pass(500)
        cluster.cutOff = [node(2), node(3)]
        cluster.pass(1_000)
        #expect(cluster[1].role == .leader, "two peers are enough")
        cluster.cutOff = [node(1)]
        #expect(cluster[1].quorumReachable(cluster.now))
        cluster.pass(220)
        #expect(cluster[1].role != .leader)
        let reason = RaftNotice.roleChanged(from: .leader, to: .follower, term: Term(1), reason: .quorumLost)
        #expect(cluster.notices(of: 1).contains(reason))
    }

    @Test("What counts is when an answered heartbeat was sent, not when the answer came")
    func oldAnswers() {
        var leader = TestCluster(voters(3))
        leader.elect(1)
        var raft = leader[1]
        for time in stride(from: UInt64(10), through: 150, by: 10) { _ = raft.handle(.tick, now: ms(time)) }
        let late = HeartbeatReply(term: Term(1), sentAt: ms(1), durable: LSN(1), received: LSN(1), mayLead: true)
        _ = raft.handle(.message(from: node(2), .heartbeatReply(late)), now: ms(151))
        #expect(raft.quorumReachable(ms(151)))
        #expect(!raft.quorumReachable(ms(152)))
    }

    @Test("Learners do not keep a leader alive, witnesses do")
    func whoCounts() {
        var cluster = TestCluster(Membership([member(1), member(2), member(3, .witness), member(4, .learner)]))
        cluster.elect(1)
        cluster.cutOff = [node(2)]
        cluster.pass(500)
        #expect(cluster[1].role == .leader)
        cluster.cutOff = [node(2), node(3)]
        cluster.pass(500)
        #expect(cluster[1].role != .leader)
    }
}
