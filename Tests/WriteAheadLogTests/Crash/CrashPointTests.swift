import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// Every operation on the disk is, once, the last one before the power goes, or the one that fails.
@Suite struct CrashPointTests {
    /// What was known to be durable when the disk failed, and what may be there.
    private struct Expectation {
        var atLeast = LSN.zero
        var atMost = LSN.zero
        /// The log may begin at any of these.
        var bases: Set<LSN> = [.zero]
    }

    private static let batchCount: UInt64 = 17

    /// By term and LSN.
    private let batches: [[Batch]]

    init() throws {
        batches = try (UInt64(0)...3).map { term in
            try (0...Self.batchCount + 1).map { number in
                try Sample.transactions(number...number, first: max(number, 1), term: term, size: 900, codec: .none)
            }
        }
    }

    private func batch(_ number: UInt64, term: UInt64 = 1) -> Batch { batches[Int(term)][Int(number)] }

    /// Rolls several segments, cuts into the middle of a full one, goes on in another term, and purges.
    private func script(_ disk: SimulatedDisk, _ expectation: inout Expectation) throws {
        let log = try SimulatedLog(disk)
        defer { log.log.close() }
        for number in 1...Self.batchCount {
            expectation.atMost = LSN(number)
            try log.append(batch(number))
            expectation.atLeast = LSN(number)
        }
        expectation.atLeast = LSN(7)
        try log.log.truncate(after: LSN(7))
        expectation.atMost = LSN(7)
        for number in 8...Self.batchCount {
            expectation.atMost = LSN(number)
            try log.append(batch(number, term: 2))
            expectation.atLeast = LSN(number)
        }
        expectation.bases = Set(log.log.segments.map(\.first.previous).filter { $0 <= LSN(13) })
        _ = try log.log.purge(through: LSN(13), olderThan: .max)
        expectation.bases = [log.log.first.previous]
    }

    private func check(_ disk: SimulatedDisk, _ expectation: Expectation, _ comment: Comment) throws {
        let log = try SimulatedLog(disk, committed: expectation.atLeast)
        defer { log.log.close() }
        let recovery = log.recovery
        #expect(recovery.last >= expectation.atLeast && recovery.last <= expectation.atMost, comment)
        #expect(expectation.bases.contains(recovery.base), comment)
        var from = recovery.base.next
        while from <= recovery.last {
            for batch in try log.log.read(from: from, bytesMax: 3000) {
                let isOld = batch.term == Term(1)
                #expect(batch == self.batch(batch.first.rawValue, term: isOld ? 1 : 2), comment)
                from = batch.last.next
            }
        }
        if let last = recovery.termRuns.last, recovery.last > recovery.base {
            try log.append(batch(recovery.last.rawValue + 1, term: last.term.rawValue + 1))
        }
    }

    private func operationCount() throws -> Int {
        let disk = SimulatedDisk()
        var expectation = Expectation()
        try script(disk, &expectation)
        return disk.operations
    }

    @Test func losingPowerAnywhereKeepsWhatWasDurable() throws {
        let count = try operationCount()
        #expect(count > 100)
        for operation in 0..<count {
            let disk = SimulatedDisk(faults: [operation: .powerLoss])
            var expectation = Expectation()
            #expect(throws: WALError.self) { try script(disk, &expectation) }
            for seed in UInt64(0)..<4 {
                try check(disk.powerLost(seed: seed), expectation, "operation \(operation), seed \(seed)")
            }
        }
    }

    @Test(arguments: [Int32(5), 28]) func anyErrorIsFinalAndLosesNothing(errno: Int32) throws {
        for operation in 0..<(try operationCount()) {
            let disk = SimulatedDisk(faults: [operation: .error(errno)])
            var expectation = Expectation()
            let error = #expect(throws: WALError.self) { try script(disk, &expectation) }
            if errno == 28 {
                #expect(
                    error?.description.contains("the file system is full") == true,
                    "operation \(operation): \(error as Any)")
            }
            try check(disk.restarted(), expectation, "operation \(operation)")
            try check(disk.powerLost(seed: UInt64(operation)), expectation, "operation \(operation), then power lost")
        }
    }
}
