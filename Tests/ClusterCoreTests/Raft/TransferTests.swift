import ClusterCore
import Testing

@Suite("Handing leadership over (thesis, section 3.10)")
struct TransferTests {
    private func cluster(_ membership: Membership = voters(3)) -> TestCluster {
        var cluster = TestCluster(membership)
        cluster.elect(1)
        cluster.pass(100)
        return cluster
    }

    @Test("The target takes over at once, though everybody hears the old leader")
    func toTarget() {
        var cluster = cluster()
        cluster.handle(.transferLeadership(to: node(3)), at: 1)
        #expect(cluster[3].role == .leader && cluster[3].term == Term(2))
        #expect(cluster[1].role == .follower && cluster[1].leader == node(3))
        let reason = RaftNotice.roleChanged(
            from: .candidate, to: .leader, term: Term(2), reason: .transferred)
        #expect(cluster.notices(of: 3).contains(reason))
        let aborted = cluster.notices(of: 1).contains { if case .transferAborted = $0 { true } else { false } }
        #expect(!aborted)
    }

    @Test("Without a name it goes to the voter that has most")
    func toMostCaughtUp() throws {
        var cluster = cluster()
        cluster.holdDisk(of: 2, true)
        try cluster.propose(at: 1)
        cluster.handle(.transferLeadership(to: nil), at: 1)
        #expect(cluster[3].role == .leader)
    }

    @Test("The target is asked only when it has everything on disk; meanwhile nothing is proposed")
    func waits() throws {
        var cluster = cluster()
        cluster.holdDisk(of: 2, true)
        try cluster.propose(at: 1)
        cluster.handle(.transferLeadership(to: node(2)), at: 1)
        #expect(cluster.leader == 1)
        #expect(cluster[1].transferTarget == node(2))
        #expect(throws: ProposeError.transferInProgress(to: node(2))) { try cluster.propose(at: 1) }
        #expect(throws: ProposeError.transferInProgress(to: node(2))) { try cluster.propose(voters(4), at: 1) }
        cluster.holdDisk(of: 2, false)
        #expect(cluster[2].role == .leader)
    }

    @Test("After an election timeout in vain it is given up, with a word, and work goes on")
    func timesOut() throws {
        var cluster = cluster()
        cluster.cutOff = [node(2)]
        cluster.handle(.transferLeadership(to: node(2)), at: 1)
        cluster.pass(280)
        #expect(cluster[1].transferTarget == node(2))
        cluster.pass(40)
        #expect(cluster[1].transferTarget == nil && cluster.leader == 1)
        #expect(cluster.notices(of: 1).contains(.transferAborted(to: node(2), .timedOut)))
        try cluster.propose(at: 1)
    }

    @Test("A lost request is repeated")
    func repeated() {
        var cluster = cluster()
        cluster.isLost = { if case .timeoutNow = $0 { true } else { false } }
        cluster.handle(.transferLeadership(to: node(2)), at: 1)
        #expect(cluster.leader == 1)
        cluster.isLost = { _ in false }
        cluster.pass(60)
        #expect(cluster.leader == 2)
    }

    @Test("What cannot succeed is refused with the reason")
    func refused() {
        var cluster = cluster(Membership([member(1), member(2), member(3, .witness), member(4, .learner)]))
        func refusal(_ target: UInt16?, at number: UInt16) -> RaftNotice? {
            cluster.forgetNotices()
            cluster.handle(.transferLeadership(to: target.map(node)), at: number)
            return cluster.notices(of: number).first
        }
        #expect(refusal(1, at: 2) == .transferAborted(to: node(1), .notLeader))
        for target in [UInt16(1), 3, 4, 9] {
            #expect(refusal(target, at: 1) == .transferAborted(to: node(target), .notEligible(node(target))))
        }
        cluster.handle(.mayLead(false), at: 2)
        cluster.pass(60)
        #expect(refusal(2, at: 1) == .transferAborted(to: node(2), .mayNotLead(node(2))))
        #expect(refusal(nil, at: 1) == .transferAborted(to: nil, .noCandidate))
        cluster.handle(.mayLead(true), at: 2)
        cluster.pass(60)
        cluster.holdDisk(of: 2, true)
        do { try cluster.propose(at: 1) } catch { Issue.record(error) }
        #expect(refusal(nil, at: 1) == .transferStarted(to: node(2)))
        #expect(refusal(2, at: 1) == .transferAborted(to: node(2), .alreadyTransferring(to: node(2))))
    }

    @Test("A request of another term, or not from the leader, is ignored")
    func strangeRequests() {
        var raft = raft(2, term: 3)
        _ = raft.handle(.message(from: node(1), heartbeat(3)), now: ms(1))
        for (from, term) in [(node(3), Term(3)), (node(1), Term(2)), (node(1), Term(4))] {
            #expect(raft.handle(.message(from: from, .timeoutNow(TimeoutNow(term: term))), now: ms(2)).isEmpty)
        }
        let effects = raft.handle(.message(from: node(1), .timeoutNow(TimeoutNow(term: Term(3)))), now: ms(2))
        #expect(effects.voteRequests.count == 2)
        #expect(effects.voteRequests.allSatisfy { $0.overridesLeader && !$0.isPreVote && $0.round == Term(4) })
    }

    @Test("A leader that steps down leaves the term to others")
    func stepsDown() {
        var cluster = cluster()
        cluster.handle(.stepDown(reason: "the disk is full"), at: 1)
        #expect(cluster[1].role == .follower && cluster[1].leader == nil)
        let reason = RaftNotice.roleChanged(
            from: .leader, to: .follower, term: Term(1), reason: .requested("the disk is full"))
        #expect(cluster.notices(of: 1).contains(reason))
        cluster.handle(.mayLead(false), at: 1)
        cluster.pass(1_000)
        #expect(cluster.leader == 2 || cluster.leader == 3)
    }
}
