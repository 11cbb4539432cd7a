import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

@Suite struct RetentionTests {
    /// Four transactions a segment.
    private func log(count: UInt64) throws -> SimulatedLog {
        let log = try SimulatedLog()
        for number in 1...count { try log.append(Sample.transactions(number...number, size: 900, codec: .none)) }
        return log
    }

    @Test func wholeOldSegmentsGoAndTheNewestStays() throws {
        let log = try log(count: 18)
        defer { log.log.close() }
        #expect(log.log.segments.map(\.first.rawValue) == [1, 5, 9, 13, 17])
        #expect(try log.log.purge(through: LSN(3), olderThan: .max) == Log.Purged())
        let sizeBytes = log.log.sizeBytes
        let purged = try log.log.purge(through: LSN(11), olderThan: .max)
        #expect(purged.segments == 2)
        #expect(log.log.sizeBytes == sizeBytes - purged.bytes)
        #expect(log.log.first == LSN(9))
        #expect(log.disk.paths == [9, 13, 17].map { SimulatedLog.path($0) })
        #expect(try log.log.purge(through: LSN(18), olderThan: .max).segments == 2)
        #expect(log.log.first == LSN(17))
        #expect(log.log.last == LSN(18))
    }

    @Test func youngSegmentsStay() throws {
        let log = try log(count: 18)
        defer { log.log.close() }
        // The options' clock stands at 1,000,000.
        #expect(try log.log.purge(through: LSN(18), olderThan: 1_000_000).segments == 0)
        #expect(try log.log.purge(through: LSN(18), olderThan: 1_000_001).segments == 4)
    }

    @Test func readersBelowTheLogAreTold() throws {
        let log = try log(count: 18)
        defer { log.log.close() }
        _ = try log.log.purge(through: LSN(8), olderThan: .max)
        #expect(throws: WALError.purged(requested: LSN(8), first: LSN(9))) {
            try log.log.read(from: LSN(8), bytesMax: 1)
        }
        #expect(throws: WALError.purged(requested: LSN(7), first: LSN(9))) { try log.log.state(through: LSN(7)) }
        #expect(try log.log.state(through: LSN(8)) == GTIDState("0-1-8"))
        let behind = GTIDPosition([Sample.gtid(7)])
        let purged = try #require(GTIDState("0-1-8"))
        #expect(throws: WALError.positionPurged(position: behind, purged: purged)) { try log.log.start(for: behind) }
        #expect(try log.log.start(for: GTIDPosition([Sample.gtid(8)])) == LSN(9))
        #expect(try log.log.contains(Sample.gtid(3)))
        #expect(try log.log.locate(Sample.gtid(3)) == nil)
        #expect(log.log.term(at: LSN(8)) == Term(1))
        #expect(log.log.term(at: LSN(7)) == nil)
    }

    @Test func aFragmentedTransactionIsNotCutInTwo() throws {
        let log = try SimulatedLog()
        defer { log.log.close() }
        let gtid = Sample.gtid(5)
        for number in UInt64(1)...4 { try log.append(Sample.transactions(number...number, size: 900, codec: .none)) }
        for number in UInt64(5)...16 {
            let part: FragmentPart = number == 5 ? .first : number == 16 ? .last : .middle
            try log.append(Sample.batch(number, [.fragment(part, of: gtid, events: Sample.body(900))], codec: .none))
        }
        for number in UInt64(17)...20 { try log.append(Sample.transactions(number...number, size: 900, codec: .none)) }
        #expect(try log.log.purge(through: LSN(14), olderThan: .max).segments == 1)
        #expect(log.log.first == LSN(5))
        #expect(try log.log.purge(through: LSN(16), olderThan: .max).segments == 3)
        #expect(log.log.first == LSN(17))
    }

    @Test func aLogCanBeginAnewElsewhere() throws {
        let log = try log(count: 18)
        let state = try #require(GTIDState("0-1-900,3-4-5"))
        let base = Log.Base(lsn: LSN(1000), term: Term(7), state: state)
        try log.log.reset(to: base)
        #expect(log.log.first == LSN(1001))
        #expect(log.log.generation == 1)
        #expect(log.log.lastTerm == Term(7))
        #expect(try log.log.contains(Sample.gtid(900)))
        try log.append(Sample.batch(1001, [Sample.transaction(901)], term: 7))
        log.log.close()
        let again = try SimulatedLog(log.disk.powerLost(seed: 3), committed: LSN(1001))
        #expect(again.recovery.base == LSN(1000))
        #expect(again.recovery.baseTerm == Term(7))
        #expect(again.recovery.termRuns == [TermRun(first: LSN(1001), term: Term(7))])
        #expect(again.recovery.state == GTIDState("0-1-901,3-4-5"))
        again.log.close()
    }

    @Test func everythingCanBeVerified() throws {
        let log = try log(count: 18)
        #expect(try log.log.verify().entries == 18)
        log.log.close()
        var bytes = try #require(log.disk.contents(SimulatedLog.path(5)))
        bytes[4096 + 2000] ^= 1
        let disk = log.disk.restarted()
        disk.put(SimulatedLog.path(5), bytes)
        let again = try SimulatedLog(disk)
        defer { again.log.close() }
        #expect(throws: WALError.self) { try again.log.verify() }
    }
}
