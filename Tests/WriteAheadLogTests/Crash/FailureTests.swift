import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

@Suite struct FailureTests {
    private func failing(_ errno: Int32, operation name: Int) throws -> SimulatedLog {
        let log = try SimulatedLog()
        try log.append(Sample.transactions(1...3))
        log.disk.inject(.error(errno), at: log.disk.operations + name)
        return log
    }

    @Test(arguments: [0, 1]) func aFailedWriteOrSyncStopsTheLogForGood(operation: Int) throws {
        let log = try failing(5, operation: operation)
        #expect(throws: WALError.self) { try log.append(Sample.transactions(4...6)) }
        #expect(log.log.durable == LSN(3))
        let failure = try #require(log.log.failure)
        #expect(throws: WALError.failed(cause: failure)) { try log.log.append(Sample.transactions(7...7)) }
        #expect(throws: WALError.failed(cause: failure)) { try log.log.truncate(after: LSN(3)) }
        #expect(log.notices.list.count == 2)
        // What is in memory can still be read, and closing does not hang on what cannot be written.
        #expect(try log.log.read(from: LSN(4), bytesMax: 1).first?.first == LSN(4))
        log.log.close()
        #expect(log.notices.list.count == 2)
    }

    @Test func aFullDiskSaysSo() throws {
        let log = try failing(28, operation: 0)
        let error = #expect(throws: WALError.self) { try log.append(Sample.transactions(4...6)) }
        guard case .diskFull(operation: "write", path: SimulatedLog.path(1))? = error else {
            Issue.record("not diskFull: \(error as Any)")
            return
        }
        log.log.close()
    }

    @Test func aClosedLogTakesNothing() throws {
        let log = try SimulatedLog()
        log.log.close()
        #expect(throws: WALError.closed) { try log.log.append(Sample.transactions(1...1)) }
        #expect(throws: WALError.closed) { try log.log.truncate(after: .zero) }
    }

    @Test func closingWritesWhatWasAppended() throws {
        let log = try SimulatedLog()
        try log.log.append(contentsOf: [Sample.transactions(1...3), Sample.transactions(4...4)])
        log.log.close()
        let again = try SimulatedLog(log.disk.powerLost(seed: 1))
        #expect(again.recovery.last == LSN(4))
        again.log.close()
    }

    @Test func damageFoundByAReaderNamesThePlace() throws {
        var options = Log.Options.small
        options.cacheBytesMax = 0
        let log = try SimulatedLog(options: options)
        for number in UInt64(1)...30 { try log.append(Sample.transactions(number...number, size: 900, codec: .none)) }
        log.log.close()
        // In a full segment, which is not read when the log is opened.
        var bytes = try #require(log.disk.contents(SimulatedLog.path(1)))
        bytes[4096 + 500] ^= 1
        let disk = log.disk.restarted()
        disk.put(SimulatedLog.path(1), bytes)
        let again = try SimulatedLog(disk, options: options, committed: LSN(30))
        defer { again.log.close() }
        #expect(
            throws: WALError.corrupt(
                segment: "00000000000000000001.wal", offset: 4096, lsn: LSN(1),
                reason: "the payload's checksum is wrong")
        ) {
            try again.log.read(from: LSN(1), bytesMax: 1)
        }
        #expect(try again.log.read(from: LSN(2), bytesMax: 1).first?.first == LSN(2))
    }
}
