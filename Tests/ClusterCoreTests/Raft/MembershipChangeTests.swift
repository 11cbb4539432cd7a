import ClusterCore
import Testing

@Suite("Membership changes (thesis, chapter 4)")
struct MembershipChangeTests {
    @Test("A change is in force as soon as it is in the log, at the leader and at its followers (section 4.1)")
    func atOnce() throws {
        var cluster = TestCluster(voters(3))
        cluster.add(raft(4, of: Membership()))
        cluster.elect(1)
        cluster.cutOff = [node(2), node(3)]
        try cluster.propose(voters(4), at: 1)
        #expect(cluster[1].membership == voters(4))
        #expect(cluster[4].membership == voters(4), "the new member has it from its log")
        #expect(cluster[1].committed == LSN(1), "two of four are no majority")
        cluster.cutOff = [node(3)]
        cluster.pass(150)
        #expect(cluster[1].committed == LSN(2))
        #expect(cluster.notices(of: 1).contains(.membershipCommitted(voters(4), at: LSN(2))))
    }

    @Test("One change at a time, of one voter, and somebody must be able to lead (section 4.1)")
    func oneAtATime() throws {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        #expect(throws: ProposeError.notOneStep) { try cluster.propose(voters(5), at: 1) }
        #expect(throws: ProposeError.notLeader(hint: node(1))) { try cluster.propose(voters(4), at: 2) }
        cluster.cutOff = [node(2), node(3)]
        try cluster.propose(voters(4), at: 1)
        #expect(throws: ProposeError.membershipChangePending(LSN(2))) { try cluster.propose(voters(5), at: 1) }
        var pair = TestCluster(voters(1))
        pair.elect(1)
        #expect(throws: ProposeError.noVoter) {
            try pair.propose(Membership([member(1, .witness)]), at: 1)
        }
    }

    @Test("No change before the term's first entry is committed (Ongaro's correction of July 2015)")
    func notBeforeNoOp() {
        var cluster = TestCluster(voters(3))
        cluster.isLost = { if case .append = $0 { true } else { false } }
        cluster.elect(1)
        #expect(throws: ProposeError.termNotEstablished) { try cluster.propose(voters(4), at: 1) }
    }

    @Test("A change that is truncated is undone (section 4.1)")
    func rolledBack() throws {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        cluster.cutOff = [node(1)]
        try cluster.propose(voters(4), at: 1)
        #expect(cluster[1].membership == voters(4))
        cluster.pass(1_000)
        #expect(cluster.leader == 2 || cluster.leader == 3)
        cluster.cutOff = []
        cluster.pass(1_000)
        #expect(cluster[1].membership == voters(3))
        #expect(cluster.notices(of: 1).contains(.membershipRolledBack(to: voters(3), removed: LSN(2))))
    }

    @Test("A leader that removes itself leads without counting itself until that is committed (section 4.2.2)")
    func removesItself() throws {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        cluster.cutOff = [node(3)]
        let rest = voters(3).removing(node(1))
        try cluster.propose(rest, at: 1)
        #expect(cluster[1].role == .leader)
        #expect(cluster[1].committed == LSN(1), "its own copy and one other are not a majority of the two others")
        cluster.cutOff = []
        cluster.pass(150)
        #expect(cluster[1].role == .follower)
        let reason = RaftNotice.roleChanged(from: .leader, to: .follower, term: Term(1), reason: .removed)
        #expect(cluster.notices(of: 1).contains(reason))
        cluster.pass(1_000)
        #expect(cluster.leader == 2 || cluster.leader == 3)
    }

    @Test("A removed leader that alone knows of its removal may lead once more, to commit it (section 4.2.2)")
    func removedMayLead() throws {
        var cluster = TestCluster(voters(2))
        cluster.elect(1)
        cluster.pass(50)
        cluster.cutOff = [node(2)]
        try cluster.propose(voters(2).removing(node(1)), at: 1)
        cluster.handle(.stepDown(reason: "crash"), at: 1)
        cluster.cutOff = []
        cluster.pass(2_000)
        #expect(cluster[2].role == .leader)
        #expect(cluster[2].membership == voters(2).removing(node(1)))
        #expect(cluster[2].noOpCommitted)
    }

    @Test("A removed node does not disturb those that remain (section 4.2.3)")
    func disruptive() throws {
        var cluster = TestCluster(voters(4))
        cluster.elect(1)
        cluster.pass(50)
        cluster.isLost = {
            guard case .append(let append) = $0 else { return false }
            return append.batches.contains { $0.membership != nil } && append.prev.lsn == LSN(99)
        }
        cluster.cutOff = [node(4)]
        try cluster.propose(voters(3), at: 1)
        cluster.cutOff = []
        cluster.pass(3_000)
        #expect(cluster[4].membership == voters(4), "it never learned of its removal")
        #expect(cluster[4].role == .preCandidate)
        #expect(cluster.leader == 1 && cluster[1].term == Term(1))
    }

    @Test("A learner is fed and does not count; made a voter it does, with what it had")
    func learner() throws {
        var cluster = TestCluster(voters(1))
        cluster.add(raft(2, of: Membership()))
        cluster.elect(1)
        try cluster.propose(Membership([member(1), member(2, .learner)]), at: 1)
        try cluster.propose(3, at: 1)
        #expect(cluster[2].last == LSN(5))
        cluster.cutOff = [node(2)]
        try cluster.propose(at: 1)
        #expect(cluster[1].committed == LSN(6))
        cluster.cutOff = []
        cluster.pass(150)
        try cluster.propose(voters(2), at: 1)
        #expect(cluster[1].progress(of: node(2))?.match == LSN(7))
        cluster.cutOff = [node(2)]
        try cluster.propose(at: 1)
        #expect(cluster[1].committed == LSN(7))
    }

    @Test("A vote is given whether or not the voter knows itself or the candidate as a member (section 4.2.2)")
    func votesForStrangers() {
        var raft = raft(3, of: Membership([member(1), member(3, .learner)]), term: 1)
        let effects = raft.handle(.message(from: node(9), voteRequest(2)), now: ms(1_000))
        #expect(effects.voteReply?.refusal == nil)
    }

    @Test("After a restart the membership is that of the log; records of entries that are gone do not count")
    func restart() {
        let old = MembershipRecord(position: .zero, membership: voters(3))
        let kept = MembershipRecord(position: position(2, 1), membership: voters(4))
        let gone = MembershipRecord(position: position(3, 1), membership: voters(5))
        let raft = Raft(
            configuration: configuration(1), hardState: HardState(term: Term(2)), log: log([1, 1, 2]),
            memberships: [gone, old, kept], committed: .zero, now: ms(0))
        #expect(raft.membership == voters(4))
        #expect(raft.membershipLSN == LSN(2))
        #expect(raft.membershipRecords == [old, kept])
    }
}
