import ClusterCore
import Testing

@Suite("Sending is pulled")
struct SendingTests {
    /// A leader of term 2 with a log of five entries of term 1, whose peers have not answered yet.
    private func leader() -> Raft {
        var cluster = TestCluster([raft(1, term: 1, log: log([1, 1, 1, 1, 1])), raft(2, term: 1), raft(3, term: 1)])
        cluster.isLost = { if case .append = $0 { true } else { false } }
        cluster.elect(1)
        return cluster[1]
    }

    private func accepted(_ durable: UInt64, _ received: UInt64) -> RaftMessage {
        .appendReply(AppendReply(term: Term(1), verdict: .accepted(durable: LSN(durable), received: LSN(received))))
    }

    private func fresh() -> Raft {
        var raft = raft(1, of: voters(2), term: 0)
        _ = raft.handle(.campaign, now: ms(1))
        for isPreVote in [true, false] {
            let reply = VoteReply(term: Term(isPreVote ? 0 : 1), round: Term(1), isPreVote: isPreVote, refusal: nil)
            _ = raft.handle(.message(from: node(2), .voteReply(reply)), now: ms(1))
        }
        precondition(raft.role == .leader)
        return raft
    }

    @Test("While it is not known where the logs agree, one append is on its way")
    func probe() throws {
        var raft = fresh()
        let request = try #require(raft.nextAppend(to: node(2)))
        #expect(request.prev == .zero && request.mayCarryEntries && request.term == Term(1))
        #expect(raft.sent(request, to: node(2), through: LSN(1)) == true)
        #expect(raft.nextAppend(to: node(2)) == nil)
        #expect(raft.progress(of: node(2))?.next == LSN(1), "a probe is not counted as sent")
        let effects = raft.handle(.message(from: node(2), accepted(0, 1)), now: ms(2))
        #expect(raft.progress(of: node(2))?.state == .replicate)
        #expect(raft.progress(of: node(2))?.next == LSN(2))
        #expect(effects.pump == [node(2)])
    }

    @Test("An unanswered probe is repeated with the heartbeat, without entries")
    func repeatsProbe() throws {
        var raft = fresh()
        let request = try #require(raft.nextAppend(to: node(2)))
        raft.sent(request, to: node(2), through: LSN(1))
        #expect(raft.handle(.tick, now: ms(60)).pump == [node(2)])
        let again = try #require(raft.nextAppend(to: node(2)))
        #expect(again.prev == .zero && !again.mayCarryEntries)
    }

    @Test("Where the logs agree, appends follow each other without an answer")
    func pipelines() throws {
        var raft = fresh()
        _ = raft.handle(.message(from: node(2), accepted(0, 1)), now: ms(2))
        let first = try raft.propose(count: 2, bytes: 20)
        let second = try raft.propose(count: 1, bytes: 10)
        #expect(first.first == LSN(2) && second.first == LSN(4))
        var request = try #require(raft.nextAppend(to: node(2)))
        #expect(request.prev == position(1, 1))
        raft.sent(request, to: node(2), through: first.last)
        request = try #require(raft.nextAppend(to: node(2)))
        #expect(request.prev == position(3, 1))
        raft.sent(request, to: node(2), through: second.last)
        #expect(raft.nextAppend(to: node(2)) == nil)
    }

    @Test("A request that was overtaken by events is recognised")
    func overtaken() throws {
        var raft = fresh()
        _ = raft.handle(.message(from: node(2), accepted(0, 1)), now: ms(2))
        _ = try raft.propose(count: 1, bytes: 1)
        let request = try #require(raft.nextAppend(to: node(2)))
        #expect(raft.sent(request, to: node(2), through: LSN(2)) == true)
        #expect(raft.sent(request, to: node(2), through: LSN(2)) == false)
        #expect(raft.sent(request, to: node(3), through: LSN(2)) == false)
        _ = raft.handle(.message(from: node(2), heartbeat(7)), now: ms(3))
        #expect(raft.sent(request, to: node(2), through: LSN(2)) == false)
        #expect(raft.nextAppend(to: node(2)) == nil)
    }

    @Test("After a new connection a peer is asked what it has, before anything is sent twice or in vain")
    func lineReset() throws {
        var raft = fresh()
        _ = raft.handle(.message(from: node(2), accepted(0, 1)), now: ms(2))
        let batch = try raft.propose(count: 3, bytes: 30)
        let lost = try #require(raft.nextAppend(to: node(2)))
        raft.sent(lost, to: node(2), through: batch.last)
        _ = try raft.propose(count: 1, bytes: 10)
        #expect(raft.handle(.lineReset(to: node(2)), now: ms(3)).pump == [node(2)])
        let question = try #require(raft.nextAppend(to: node(2)))
        #expect(question.prev == position(4, 1) && !question.mayCarryEntries)
        raft.sent(question, to: node(2), through: question.prev.lsn)
        #expect(raft.nextAppend(to: node(2)) == nil)
        let verdict = AppendReply.Verdict.rejected(
            prev: LSN(4), runs: [TermRun(first: LSN(1), term: Term(1))], last: LSN(2))
        _ = raft.handle(.message(from: node(2), .appendReply(AppendReply(term: Term(1), verdict: verdict))), now: ms(4))
        let next = try #require(raft.nextAppend(to: node(2)))
        #expect(next.prev == position(2, 1) && next.mayCarryEntries)
        #expect(raft.handle(.lineReset(to: node(9)), now: ms(5)).isEmpty)
    }

    @Test("What was lost on the way is noticed by the heartbeats and sent again")
    func lostAppend() throws {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        cluster.pass(100)
        cluster.isLost = { if case .append = $0 { true } else { false } }
        try cluster.propose(at: 1)
        try cluster.propose(at: 1)
        #expect(cluster[2].last == LSN(1))
        cluster.isLost = { _ in false }
        cluster.pass(150)
        #expect(cluster[2].last == LSN(3) && cluster[3].last == LSN(3))
        #expect(cluster[1].committed == LSN(3))
    }

    @Test("A lost answer is made good by the next heartbeat's")
    func lostAnswer() throws {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        cluster.isLost = { if case .appendReply = $0 { true } else { false } }
        try cluster.propose(at: 1)
        #expect(cluster[1].committed == LSN(1))
        cluster.isLost = { if case .append = $0 { true } else { false } }
        cluster.pass(60)
        #expect(cluster[1].committed == LSN(2))
    }

    @Test("Idle followers hear of a commit without waiting for a heartbeat; busy ones with the next append")
    func commitPush() throws {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        cluster.pass(100)
        try cluster.propose(at: 1)
        #expect(cluster[2].committed == LSN(2), "at once after a pause")
        try cluster.propose(at: 1)
        #expect(cluster[2].committed == LSN(2), "not for every commit")
        #expect(cluster[1].nextAppend(to: node(2)) == nil, "nor when it happens to be asked for")
        #expect(cluster[1].commitPushDue != nil)
        cluster.pass(10)
        #expect(cluster[2].committed == LSN(3), "with the next tick")
    }

    @Test("A follower that restarted is fed on from where it is")
    func restartedFollower() throws {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        try cluster.propose(5, at: 1)
        cluster.cutOff = [node(2)]
        try cluster.propose(2, at: 1)
        cluster.add(raft(2, term: 1, log: log([1, 1, 1, 1, 1, 1])))
        cluster.cutOff = []
        cluster.pass(200)
        #expect(cluster[2].last == LSN(8) && cluster[2].committed == LSN(8))
        cluster.add(raft(2, term: 1, log: cluster[2].log))
        cluster.pass(200)
        #expect(cluster[2].committed == LSN(8), "though nothing new was written")
    }

    @Test("A follower that lost what it had confirmed is named, counted no longer, and fed again")
    func lostConfirmed() throws {
        var cluster = TestCluster(voters(3))
        cluster.elect(1)
        try cluster.propose(5, at: 1)
        cluster.add(raft(2, term: 1, log: log([1])))
        cluster.pass(400)
        let notice = RaftNotice.confirmedEntriesMissing(node(2), confirmed: LSN(6), found: LSN(1))
        #expect(cluster.notices(of: 1).contains(notice))
        #expect(cluster[2].last == LSN(6) && cluster[2].committed == LSN(6))
        #expect(cluster[1].progress(of: node(2))?.match == LSN(6))
    }

    @Test("A peer that needs what is no longer kept is reported once, and fed again after it was provisioned")
    func needsProvision() throws {
        var cluster = TestCluster(voters(3))
        cluster.cutOff = [node(3)]
        cluster.elect(1)
        for _ in 1...5 { try cluster.propose(at: 1) }
        cluster.handle(.trimmed(through: LSN(4)), at: 1)
        cluster.cutOff = []
        cluster.pass(300)
        #expect(cluster[1].progress(of: node(3))?.state == .needsProvision)
        #expect(cluster[1].nextAppend(to: node(3)) == nil)
        let notice = RaftNotice.needsProvision(node(3), lastCommon: .zero, firstKept: LSN(5))
        #expect(cluster.notices(of: 1).filter { $0 == notice }.count == 1)
        let record = try #require(cluster[1].membershipRecords.first)
        cluster.handle(.provisioned(through: position(5, 1), record, asOf: Term(1)), at: 3)
        cluster.pass(100)
        #expect(cluster[1].progress(of: node(3))?.state == .replicate)
        #expect(cluster[3].committed == LSN(6))
        #expect(cluster.notices(of: 1).contains(.provisioned(node(3), from: LSN(6))))
    }
}
