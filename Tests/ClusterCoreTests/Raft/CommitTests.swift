import ClusterCore
import Testing

@Suite("What is committed (Raft, sections 5.3 and 5.4)")
struct CommitTests {
    /// A leader of term 1 over that membership whose log ends at 10, with nothing confirmed by anybody.
    private func leader(of membership: Membership) throws -> Raft {
        var raft = raft(1, of: membership)
        _ = raft.handle(.campaign, now: ms(1))
        for isPreVote in [true, false] {
            for member in membership.voters where member.number != node(1) {
                let reply = VoteReply(
                    term: Term(isPreVote ? 0 : 1), round: Term(1), isPreVote: isPreVote, refusal: nil)
                _ = raft.handle(.message(from: member.number, .voteReply(reply)), now: ms(1))
            }
        }
        #expect(raft.role == .leader)
        _ = try raft.propose(count: 9, bytes: 9)
        return raft
    }

    private func confirm(_ lsn: UInt64, by number: UInt16, to raft: inout Raft) -> RaftEffects {
        if number == 1 { return raft.handle(.durable(position(lsn, 1)), now: ms(2)) }
        let verdict = AppendReply.Verdict.accepted(durable: LSN(lsn), received: LSN(10))
        let reply = AppendReply(term: Term(1), verdict: verdict)
        return raft.handle(.message(from: node(number), .appendReply(reply)), now: ms(2))
    }

    /// What each voter has on disk, the leader first, and what a majority has.
    @Test(
        "It is what a majority of the voters has on disk, the leader one of them",
        arguments: [
            ([4], 4), ([4, 0], 0), ([4, 7], 4), ([0, 7], 0), ([9, 0, 0], 0), ([9, 3, 0], 3), ([0, 3, 5], 3),
            ([9, 9, 2], 9), ([1, 2, 3, 4], 2), ([9, 9, 2, 1], 2), ([5, 4, 3, 2, 1], 3), ([0, 0, 7, 8, 9], 7),
            ([10, 10, 10, 0, 0], 10),
        ] as [([UInt64], UInt64)])
    func counting(durable: [UInt64], committed: UInt64) throws {
        var raft = try leader(of: voters(UInt16(durable.count)))
        for (index, lsn) in durable.enumerated() { _ = confirm(lsn, by: UInt16(index + 1), to: &raft) }
        #expect(raft.committed == LSN(committed))
    }

    @Test("Witnesses count, learners do not")
    func whoCounts() throws {
        var raft = try leader(of: Membership([member(1), member(2), member(3, .witness), member(4, .learner)]))
        #expect(confirm(10, by: 1, to: &raft).committed == nil)
        #expect(confirm(10, by: 4, to: &raft).committed == nil)
        #expect(confirm(6, by: 3, to: &raft).committed == LSN(6))
    }

    @Test("A leader that has it in memory only does not count itself")
    func ownDisk() throws {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        cluster.holdDisk(of: 1, true)
        cluster.cutOff = [node(3)]
        try cluster.propose(at: 1)
        #expect(cluster[1].progress(of: node(2))?.match == LSN(2))
        #expect(cluster[1].committed == LSN(1))
        cluster.holdDisk(of: 1, false)
        #expect(cluster[1].committed == LSN(2))
    }

    @Test("A majority without the leader's disk is a majority")
    func withoutLeader() throws {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        cluster.holdDisk(of: 1, true)
        try cluster.propose(at: 1)
        #expect(cluster[1].committed == LSN(2) && cluster[1].durable == LSN(1))
    }

    /// S1 leads term 2 and gets entry 2 to S2; S5 leads term 3 and keeps its entry 2 to itself; S1 leads term 4 and gets
    /// entry 2 of term 2 to a majority.
    @Test("Entries of earlier terms are not committed by counting their copies (figure 8)")
    func figure8() {
        var cluster = TestCluster([
            raft(1, of: voters(5), term: 3, log: log([1, 2])), raft(2, of: voters(5), term: 2, log: log([1, 2])),
            raft(3, of: voters(5), term: 3, log: log([1])), raft(4, of: voters(5), term: 3, log: log([1])),
            raft(5, of: voters(5), term: 3, log: log([1, 3])),
        ])
        cluster.cutOff = [node(5)]
        // The no-op of term 4 gets nowhere: the leader's disk holds it back, and so does what it sends.
        cluster.isLost = {
            guard case .append(let append) = $0 else { return false }
            return append.batches.contains { $0.term == Term(4) }
        }
        cluster.holdDisk(of: 1, true)
        cluster.elect(1)
        #expect(cluster[1].term == Term(4))
        // (c): entry 2 of term 2 is on S1, S2 and S3 now, a majority of five.
        var leader = cluster[1]
        for number in [UInt16(2), 3] {
            let reply = AppendReply(term: Term(4), verdict: .accepted(durable: LSN(2), received: LSN(2)))
            #expect(leader.handle(.message(from: node(number), .appendReply(reply)), now: cluster.now).committed == nil)
        }
        #expect(leader.committed == .zero)
        // (e): with an entry of its own term on a majority, everything before it is committed too.
        let reply = AppendReply(term: Term(4), verdict: .accepted(durable: LSN(3), received: LSN(3)))
        _ = leader.handle(.durable(position(3, 4)), now: cluster.now)
        _ = leader.handle(.message(from: node(2), .appendReply(reply)), now: cluster.now)
        #expect(leader.handle(.message(from: node(3), .appendReply(reply)), now: cluster.now).committed == LSN(3))
    }

    /// (d) of figure 8: had S1 crashed before, S5 may still be elected and overwrite entry 2 of term 2.
    @Test("An entry of an earlier term may still be overwritten while no later one is committed (figure 8 d)")
    func figure8d() {
        var cluster = TestCluster([
            raft(2, of: voters(5), term: 4, log: log([1, 2])), raft(3, of: voters(5), term: 4, log: log([1, 2])),
            raft(4, of: voters(5), term: 4, log: log([1])), raft(5, of: voters(5), term: 4, log: log([1, 3])),
        ])
        cluster.elect(5)
        #expect(cluster[2].log.runs == cluster[5].log.runs)
        #expect(cluster[5].committed == LSN(3))
    }

    @Test("A proposal goes to the leader only, which names itself")
    func proposals() throws {
        var cluster = TestCluster(voters(3))
        #expect(throws: ProposeError.notLeader(hint: nil)) { try cluster.propose(at: 2) }
        cluster.elect(1)
        #expect(throws: ProposeError.notLeader(hint: node(1))) { try cluster.propose(at: 2) }
        try cluster.propose(4, at: 1)
        #expect(cluster.batches(of: 2).last == BatchDescriptor(first: LSN(2), count: 4, term: Term(1), bytes: 4))
        #expect(cluster[2].log.runs == [TermRun(first: LSN(1), term: Term(1))], "one run, however long")
    }

    @Test("A committed entry survives the loss of any minority")
    func survives() throws {
        for lost in [[1, 2], [1, 3], [1, 4], [1, 5]] as [[UInt16]] {
            var cluster = TestCluster(voters(5))
            cluster.cutOff = [node(4), node(5)]
            cluster.elect(1)
            try cluster.propose(at: 1)
            #expect(cluster[1].committed == LSN(2))
            cluster.cutOff = Set(lost.map(node))
            cluster.pass(2_000)
            let leader = try #require(cluster.leader.flatMap { lost.contains($0) ? nil : $0 })
            #expect(cluster[leader].log.term(at: LSN(2)) == Term(1))
            #expect(cluster[leader].committed >= LSN(3))
        }
    }
}
