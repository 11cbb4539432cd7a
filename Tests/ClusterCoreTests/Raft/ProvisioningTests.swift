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

    /// The returning node has confirmed entries that the survivor lacks, at LSNs where the survivor's log has others by now.
    @Test("What was committed before another was made the cluster by force is not confirmed to it", arguments: [0, 7])
    func returnsToSurvivor(written: Int) throws {
        let pair = Membership([member(1), member(2, .learner)])
        var old = raft(1, of: pair, term: 4, log: log([1, 1, 4, 4, 4]), committed: 5)
        var survivor = raft(2, of: pair, term: 4, log: log([1, 1, 4]), committed: 3)
        let forced = survivor.handle(
            .forceMembership(Membership([member(1, .learner), member(2)]), bytes: 10), now: ms(1))
        var inbox = forced.messages(to: 1)
        if written > 0 { _ = try survivor.propose(count: written, bytes: 10) }
        _ = survivor.handle(.durable(LogPosition(lsn: survivor.last, term: survivor.term)), now: ms(1))
        // The line is new, so that the first append asks only what the other has.
        _ = survivor.handle(.lineReset(to: node(1)), now: ms(1))
        for step in UInt64(2)...20 where old.divergedAt == nil {
            var answers: [RaftMessage] = []
            if let request = survivor.nextAppend(to: node(1)) {
                let first = request.prev.lsn.next
                let batches =
                    request.mayCarryEntries
                    ? [
                        BatchDescriptor(
                            first: first, count: Int(survivor.last - request.prev.lsn), term: survivor.term, bytes: 10)
                    ] : []
                survivor.sent(request, to: node(1), through: request.mayCarryEntries ? survivor.last : request.prev.lsn)
                inbox.append(
                    .append(
                        AppendEntries(
                            term: request.term, prev: request.prev, batches: batches, commit: request.commit)))
            }
            for message in inbox {
                answers += old.handle(.message(from: node(2), message), now: ms(step)).messages(to: 2)
            }
            inbox = []
            for answer in answers {
                let effects = survivor.handle(.message(from: node(1), answer), now: ms(step))
                #expect(!effects.notices.contains { if case .malformed = $0 { true } else { false } })
                inbox += effects.messages(to: 1)
            }
            #expect(survivor.progress(of: node(1)).map { $0.match <= LSN(3) } == true)
        }
        #expect(old.divergedAt == LSN(4))
        // So it is when it was started again meanwhile.
        var again = raft(1, of: pair, term: Term(4).nextEra.rawValue, log: log([1, 1, 4, 4, 4]), committed: 5)
        let reply = again.handle(.message(from: node(2), heartbeat(Term(4).nextEra.rawValue)), now: ms(21))
        #expect(reply.heartbeatReply.map { $0.received == .zero && $0.durable == .zero } == true)
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
