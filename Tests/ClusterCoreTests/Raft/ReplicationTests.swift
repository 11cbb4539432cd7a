import ClusterCore
import Testing

@Suite("Log replication (Raft, section 5.3)")
struct ReplicationTests {
    @Test("A follower answers for what is on its disk, and not before")
    func durability() {
        var raft = raft(2, term: 1)
        var effects = raft.handle(
            .message(from: node(1), append(1, prev: .zero, [batch(1, 3, term: 1), batch(4, term: 1)], commit: 9)),
            now: ms(1))
        #expect(effects.store == [batch(1, 3, term: 1), batch(4, term: 1)])
        #expect(effects.appendReply == nil)
        #expect(effects.committed == nil)
        #expect(raft.last == LSN(4) && raft.durable == .zero)
        effects = raft.handle(.durable(position(3, 1)), now: ms(2))
        #expect(effects.appendReply?.verdict == .accepted(durable: LSN(3), received: LSN(4)))
        #expect(effects.committed == LSN(3), "committed is what the leader committed and this disk has")
        #expect(raft.handle(.durable(position(4, 1)), now: ms(3)).committed == LSN(4))
    }

    @Test("The entry before must be there, of the same term; the answer tells the terms since the commit index")
    func consistency() {
        var raft = raft(2, term: 5, log: log([1, 1, 2, 4]), committed: 2)
        var effects = raft.handle(.message(from: node(1), append(5, prev: position(9, 5))), now: ms(1))
        let runs = [
            TermRun(first: LSN(2), term: Term(1)), TermRun(first: LSN(3), term: Term(2)),
            TermRun(first: LSN(4), term: Term(4)),
        ]
        #expect(effects.appendReply?.verdict == .rejected(prev: LSN(9), runs: runs, last: LSN(4)))
        effects = raft.handle(.message(from: node(1), append(5, prev: position(3, 3))), now: ms(2))
        #expect(effects.appendReply?.verdict == .rejected(prev: LSN(3), runs: Array(runs.prefix(2)), last: LSN(3)))
        #expect(effects.store.isEmpty && effects.truncateAfter == nil)
    }

    @Test("A conflicting batch and all that follow it go; what agrees stays")
    func conflict() {
        var raft = raft(2, term: 3, log: log([1, 1, 2, 2]))
        let message = append(3, prev: position(1, 1), [batch(2, term: 1), batch(3, 2, term: 3)])
        let effects = raft.handle(.message(from: node(1), message), now: ms(1))
        #expect(effects.truncateAfter == LSN(2))
        #expect(effects.store == [batch(3, 2, term: 3)])
        #expect(raft.log.end == position(4, 3))
        #expect(raft.durable == LSN(2))
    }

    @Test("An append that comes late or twice removes nothing")
    func lateAppend() {
        var raft = raft(2, term: 1)
        let full = append(1, prev: .zero, [batch(1, term: 1), batch(2, term: 1), batch(3, term: 1)])
        _ = raft.handle(.message(from: node(1), full), now: ms(1))
        _ = raft.handle(.durable(position(3, 1)), now: ms(2))
        for late in [full, append(1, prev: .zero, [batch(1, term: 1)]), append(1, prev: .zero)] {
            let effects = raft.handle(.message(from: node(1), late), now: ms(3))
            #expect(effects.store.isEmpty && effects.truncateAfter == nil)
            #expect(effects.appendReply?.verdict == .accepted(durable: LSN(3), received: LSN(3)))
            #expect(raft.last == LSN(3))
        }
    }

    @Test("An append or heartbeat of an earlier term is answered with the present one, and nothing else")
    func earlierTerm() {
        var raft = raft(2, term: 6, log: log([1, 2]))
        let late = append(5, prev: position(2, 2), [batch(3, term: 5)], commit: 3)
        var effects = raft.handle(.message(from: node(1), late), now: ms(1))
        #expect(effects.appendReply?.term == Term(6))
        #expect(effects.store.isEmpty && raft.leader == nil)
        effects = raft.handle(.message(from: node(1), heartbeat(5, commit: 2)), now: ms(1))
        #expect(effects.heartbeatReply?.term == Term(6))
        #expect(effects.committed == nil && raft.leader == nil)
    }

    @Test("A heartbeat that overtakes the appends commits only what is known to be the leader's")
    func overtaking() {
        var raft = raft(2, term: 1, log: log([1, 1]))
        var effects = raft.handle(.message(from: node(1), heartbeat(2, commit: 4)), now: ms(1))
        #expect(effects.committed == nil, "entries 1 and 2 may not be the leader's")
        #expect(effects.heartbeatReply?.received == .zero)
        effects = raft.handle(.message(from: node(1), append(2, prev: position(2, 1), [batch(3, term: 2)])), now: ms(2))
        #expect(effects.committed == LSN(2), "now they are")
        effects = raft.handle(.durable(position(3, 2)), now: ms(3))
        #expect(effects.committed == LSN(3))
    }

    @Test("A report for a write that was truncated meanwhile is recognised by its term")
    func truncatedReport() {
        var raft = raft(2, term: 1)
        _ = raft.handle(
            .message(from: node(1), append(1, prev: .zero, [batch(1, term: 1), batch(2, term: 1)])), now: ms(1))
        _ = raft.handle(.message(from: node(3), append(2, prev: .zero, [batch(1, 2, term: 2)])), now: ms(2))
        #expect(raft.handle(.durable(position(2, 1)), now: ms(3)).isEmpty)
        #expect(raft.durable == .zero)
        let effects = raft.handle(.durable(position(2, 2)), now: ms(4))
        #expect(effects.appendReply?.verdict == .accepted(durable: LSN(2), received: LSN(2)))
    }

    @Test("Nonsense from the wire is named and ignored")
    func malformed() {
        let nonsense = [
            append(1, prev: .zero, [batch(2, term: 1)]), append(1, prev: .zero, [batch(1, 0, term: 1)]),
            append(1, prev: .zero, [batch(1, term: 2)]), append(1, prev: position(.max, 1)),
            append(1, prev: .zero, [batch(1, .max, term: 1)]),
            append(3, prev: .zero, [batch(1, term: 3), batch(2, term: 2)]),
            append(1, prev: .zero, [batch(1, 2, term: 1, membership: voters(3))]),
        ]
        for message in nonsense {
            var raft = raft(2, term: 1)
            let effects = raft.handle(.message(from: node(1), message), now: ms(1))
            #expect(effects.store.isEmpty && raft.last == .zero)
            guard case .malformed(node(1), _)? = effects.notices.first else {
                Issue.record("\(message) was not called malformed")
                continue
            }
        }
    }

    /// The logs of figure 7; the leader has just been elected for term 8.
    @Test(
        "Followers whose logs lack entries, have others, or both, come to agree with the leader (figure 7)",
        arguments: [
            [1, 1, 1, 4, 4, 5, 5, 6, 6], [1, 1, 1, 4], [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
            [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], [1, 1, 1, 4, 4, 4, 4], [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
        ] as [[UInt64]])
    func figure7(terms: [UInt64]) throws {
        let leader: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
        var cluster = TestCluster([
            raft(1, term: 7, log: log(leader)), raft(2, term: 7, log: log(terms)),
            raft(3, term: 7, log: log([1, 1, 1])),
        ])
        cluster.cutOff = [node(2)]
        cluster.elect(1)
        cluster.cutOff = []
        cluster.pass(100)
        try cluster.propose(2, at: 1)
        #expect(cluster[2].log.runs == cluster[1].log.runs)
        #expect(cluster[2].last == LSN(13))
        #expect(cluster[1].committed == LSN(13))
    }

    @Test("Where the logs part is found with one answer, however many terms they differ in")
    func oneRoundTrip() {
        let theirs: [UInt64] = [1, 2, 3, 5, 7, 9, 11, 13, 15]
        let ours: [UInt64] = [1, 2, 4, 6, 8, 10, 12, 14, 16, 18]
        var cluster = TestCluster([
            raft(1, term: 20, log: log(ours)), raft(2, term: 20, log: log(theirs)), raft(3, term: 20),
        ])
        cluster.elect(1)
        #expect(cluster[2].log.runs == cluster[1].log.runs)
        #expect(cluster[1].progress(of: node(2))?.state == .replicate)
    }
}
