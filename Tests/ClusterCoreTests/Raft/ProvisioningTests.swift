import ClusterCore
import Testing

@Suite("Copies of the data, and last resorts")
struct ProvisioningTests {
    private let record = MembershipRecord(position: position(1, 1), membership: voters(3))

    @Test("A log without the copy's last entry begins anew after it (Raft, section 7)")
    func beginsAnew() {
        var raft = raft(3, term: 2, log: log([1, 1, 2]))
        let effects = raft.handle(.provisioned(through: position(9, 4), record, asOf: Term(5)), now: ms(1))
        #expect(effects.restartLogAfter == position(9, 4))
        #expect(effects.hardState == HardState(term: Term(5)), "a leader of an earlier term may lack it")
        #expect(effects.committed == LSN(9))
        #expect(raft.log == LogSummary(base: position(9, 4)) && raft.durable == LSN(9))
        #expect(raft.membership == voters(3))
    }

    @Test("A log that holds it keeps what follows: the node may have confirmed it (Raft, section 7)")
    func keepsTail() {
        var raft = raft(3, term: 4, log: log([1, 1, 4, 4, 4]))
        let effects = raft.handle(.provisioned(through: position(4, 4), record, asOf: Term(4)), now: ms(1))
        #expect(effects.restartLogAfter == nil && effects.hardState == nil)
        #expect(effects.committed == LSN(4))
        #expect(raft.last == LSN(5) && raft.committed == LSN(4))
    }

    @Test("A copy older than the log changes nothing")
    func olderCopy() {
        var raft = raft(3, term: 4, log: log([1, 1, 4]), committed: 3)
        #expect(raft.handle(.provisioned(through: position(2, 1), record, asOf: Term(4)), now: ms(1)).isEmpty)
    }

    @Test("A leader whose log contradicts what is committed here is not followed, and that is said once")
    func diverged() {
        var raft = raft(3, term: 4, log: log([1, 1, 4]), committed: 3)
        let message = append(5, prev: position(1, 1), [batch(2, term: 5)])
        var effects = raft.handle(.message(from: node(1), message), now: ms(1))
        #expect(effects.notices.contains(.diverged(at: LSN(2), leader: node(1))))
        #expect(effects.store.isEmpty && effects.truncateAfter == nil && effects.appendReply == nil)
        effects = raft.handle(.message(from: node(1), message), now: ms(2))
        #expect(effects.isEmpty)
        #expect(raft.handle(.tick, now: ms(1_000)).notices == [.electionNotStarted(.diverged)])
        // Cured by a copy.
        effects = raft.handle(.provisioned(through: position(2, 5), record, asOf: Term(5)), now: ms(1_001))
        #expect(effects.restartLogAfter == position(2, 5))
        #expect(raft.divergedAt == nil && raft.last == LSN(2))
        effects = raft.handle(
            .message(from: node(1), append(5, prev: position(2, 5), [batch(3, term: 5)])), now: ms(1_002))
        #expect(effects.store.count == 1)
    }

    @Test("The last survivor can be made the cluster, in a later term, with what its log has")
    func forceMembership() {
        var raft = raft(3, term: 4, log: log([1, 1, 4]), committed: 2)
        let alone = Membership([member(1, .learner), member(3)])
        let effects = raft.handle(.forceMembership(alone, bytes: 10), now: ms(1))
        #expect(effects.hardState == HardState(term: Term(4).nextEra, votedFor: node(3)))
        #expect(effects.append?.membership == alone && effects.append?.first == LSN(4))
        #expect(raft.role == .leader && raft.membership == alone)
        #expect(raft.handle(.durable(LogPosition(lsn: LSN(4), term: Term(4).nextEra)), now: ms(2)).committed == LSN(4))
        #expect(raft.noOpCommitted)
    }

    @Test("The log's front goes, the terms of what is left stay known")
    func trimmed() {
        var raft = raft(1, term: 4, log: log([1, 1, 4, 4]), committed: 3)
        #expect(raft.handle(.trimmed(through: LSN(3)), now: ms(1)).isEmpty)
        #expect(raft.log.base == position(3, 4) && raft.last == LSN(4))
        let again = append(
            4, prev: position(1, 1), [batch(2, term: 1), batch(3, term: 4), batch(4, term: 4)], commit: 4)
        let effects = raft.handle(.message(from: node(2), again), now: ms(2))
        #expect(effects.store.isEmpty && effects.committed == LSN(4))
    }
}
