import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// Transactions of two domains between each other, and fragmented ones, some complete and some abandoned:
///
/// | LSN | term | what |
/// |---|---|---|
/// | 1 | 1 | no-op |
/// | 2–4 | 1 | 0-1-1, 1-1-1, 0-1-2 |
/// | 5–7 | 1 | 0-1-3 in three fragments |
/// | 8–9 | 1 | first and middle of 0-1-4 |
/// | 10 | 2 | no-op: 0-1-4 is abandoned |
/// | 11–12 | 2 | 0-2-4, 1-2-2 |
/// | 13–14 | 2 | first of 0-2-5, membership |
/// | 15 | 2 | last of 0-2-5 |
/// | 16 | 2 | first of 1-2-3, so far nothing more |
@Suite struct LookupTests {
    private let log: SimulatedLog

    init() throws {
        log = try SimulatedLog()
        func fragment(_ lsn: UInt64, _ part: FragmentPart, _ gtid: String, term: UInt64) throws -> Batch {
            try Sample.batch(
                lsn, [.fragment(part, of: try #require(GTID(gtid)), events: Sample.body(30))], term: term)
        }
        func transactions(_ lsn: UInt64, _ gtids: String..., term: UInt64) throws -> Batch {
            try Sample.batch(
                lsn, try gtids.map { .transaction(try #require(GTID($0)), events: Sample.body(20)) }, term: term)
        }
        try log.append(
            Sample.batch(1, [.noOp]), transactions(2, "0-1-1", "1-1-1", "0-1-2", term: 1),
            fragment(5, .first, "0-1-3", term: 1), fragment(6, .middle, "0-1-3", term: 1),
            fragment(7, .last, "0-1-3", term: 1), fragment(8, .first, "0-1-4", term: 1),
            fragment(9, .middle, "0-1-4", term: 1), Sample.batch(10, [.noOp], term: 2),
            transactions(11, "0-2-4", "1-2-2", term: 2), fragment(13, .first, "0-2-5", term: 2),
            Sample.batch(14, [.membership(ByteBuffer(string: "{}"))], term: 2), fragment(15, .last, "0-2-5", term: 2),
            fragment(16, .first, "1-2-3", term: 2))
        log.log.close()
    }

    @Test(arguments: [
        ("0-1-1", 2), ("1-1-1", 3), ("0-1-2", 4), ("0-1-3", 7), ("0-2-4", 11), ("1-2-2", 12), ("0-2-5", 15),
    ]) func aTransactionIsWhereItIsComplete(text: String, lsn: UInt64) throws {
        let gtid = try #require(GTID(text))
        #expect(try log.log.locate(gtid) == LSN(lsn))
        #expect(try log.log.contains(gtid))
    }

    @Test(arguments: ["0-1-4", "1-2-3", "0-2-3", "0-2-6", "0-1-0", "2-1-1", "0-9-1"])
    func whatIsNotWholeIsNotThere(text: String) throws {
        let gtid = try #require(GTID(text))
        #expect(try log.log.locate(gtid) == nil)
        #expect(try !log.log.contains(gtid))
    }

    @Test(arguments: [
        (0, ""), (1, ""), (2, "0-1-1"), (3, "0-1-1,1-1-1"), (6, "0-1-2,1-1-1"), (7, "0-1-3,1-1-1"), (10, "0-1-3,1-1-1"),
        (11, "0-1-3,0-2-4,1-1-1"), (14, "0-1-3,0-2-4,1-1-1,1-2-2"), (16, "0-1-3,0-2-5,1-1-1,1-2-2"),
    ]) func theStateCountsCompleteTransactions(lsn: UInt64, state: String) throws {
        #expect(try log.log.state(through: LSN(lsn)) == GTIDState(state))
    }

    @Test(arguments: [
        ("", 2), ("0-1-1", 3), ("0-1-2", 3), ("0-1-1,1-1-1", 4), ("0-1-2,1-1-1", 5), ("0-1-3,1-1-1", 8),
        ("0-2-4,1-1-1", 12),
        ("0-2-4,1-2-2", 13), ("0-2-5,1-2-2", 16), ("0-2-5,1-2-3", 17), ("0-2-5", 3),
    ]) func aReaderStartsAtTheFirstTransactionItLacks(position: String, lsn: UInt64) throws {
        #expect(try log.log.start(for: try #require(GTIDPosition(position))) == LSN(lsn))
    }

    @Test func fragmentedTransactionsAreCompleteOrAbandonedOrNeither() throws {
        #expect(try log.log.fragmentedTransaction(at: LSN(5)) == .complete(last: LSN(7)))
        #expect(try log.log.fragmentedTransaction(at: LSN(8)) == .abandoned(at: LSN(10)))
        #expect(try log.log.fragmentedTransaction(at: LSN(13)) == .complete(last: LSN(15)))
        #expect(try log.log.fragmentedTransaction(at: LSN(16)) == .unfinished)
        for lsn in [UInt64(1), 3, 6, 7, 14] {
            #expect(throws: WALError.self) { try log.log.fragmentedTransaction(at: LSN(lsn)) }
        }
    }

    @Test func anAbandonedTransactionMayComeAgain() throws {
        let again = try SimulatedLog(log.disk.restarted())
        let gtid = Sample.gtid(3, server: 2, domain: 1)
        try again.append(
            Sample.batch(17, [.noOp], term: 3),
            Sample.batch(18, [.fragment(.first, of: gtid, events: Sample.body(9))], term: 3),
            Sample.batch(19, [.fragment(.last, of: gtid, events: Sample.body(9))], term: 3))
        #expect(try again.log.locate(gtid) == LSN(19))
        #expect(try again.log.fragmentedTransaction(at: LSN(16)) == .abandoned(at: LSN(17)))
        #expect(try again.log.fragmentedTransaction(at: LSN(18)) == .complete(last: LSN(19)))
        again.log.close()
    }
}
