import ClusterCore
import NIOCore
import Synchronization
import Testing
import WriteAheadLog

@Suite struct GroupCommitTests {
    @Test func noticesRiseAndOneSyncCoversWhatCameMeanwhile() throws {
        let log = try SimulatedLog()
        for number in UInt64(1)...500 { try log.log.append(Sample.transactions(number...number, size: 50)) }
        try log.notices.wait(for: LSN(500))
        log.log.close()
        let reached = try log.notices.list.map { notice throws(WALError) in try notice.result.get() }
        #expect(reached == reached.sorted())
        #expect(Set(reached).count == reached.count)
        #expect(reached.last == LSN(500))
        let statistics = log.log.statistics
        #expect(statistics.batches == 500)
        #expect(statistics.groups == UInt64(reached.count))
    }

    @Test func batchesAppendedTogetherGoToDiskTogether() throws {
        let log = try SimulatedLog()
        let before = log.disk.operations
        try log.append(
            Sample.transactions(1...2), Sample.batch(3, [.noOp]), Sample.transactions(3...9, first: 4),
            Sample.batch(11, [.noOp]))
        // One write and one sync.
        #expect(log.disk.operations == before + 2)
        #expect(log.notices.list.count == 1)
        log.log.close()
    }

    @Test func aGroupIsBounded() throws {
        var options = Log.Options.small
        options.groupBytesMax = 1000
        let log = try SimulatedLog(options: options)
        let batches = try (UInt64(1)...4).map { try Sample.transactions($0...$0, size: 800, codec: .none) }
        try log.log.append(contentsOf: batches)
        try log.notices.wait(for: LSN(4))
        log.log.close()
        #expect(log.notices.list.count == 4)
    }

    @Test func theQueueIsBounded() throws {
        var options = Log.Options.small
        options.queueBytesMax = 2500
        let log = try SimulatedLog(options: options)
        let batches = try (UInt64(1)...4).map { try Sample.transactions($0...$0, size: 800, codec: .none) }
        #expect(throws: WALError.self) { try log.log.append(contentsOf: batches) }
        try log.notices.wait(for: LSN(2))
        #expect(log.log.last == LSN(2))
        // One larger than the limit passes when nothing waits: it could never be appended otherwise.
        try log.append(Sample.transactions(3...3, size: 5000, codec: .none))
        log.log.close()
    }

    @Test func entriesMustFollowEachOther() throws {
        let log = try SimulatedLog()
        defer { log.log.close() }
        try log.append(Sample.transactions(1...5, term: 3))
        #expect(throws: WALError.notContiguous(expected: LSN(6), found: LSN(7))) {
            try log.log.append(Sample.transactions(7...7, term: 3))
        }
        #expect(throws: WALError.notContiguous(expected: LSN(6), found: LSN(5))) {
            try log.log.append(Sample.transactions(5...5, term: 3))
        }
        #expect(throws: WALError.termWentBack(last: Term(3), found: Term(2))) {
            try log.log.append(Sample.transactions(6...6, term: 2))
        }
        try log.append(Sample.transactions(6...6, term: 3))
    }

    @Test func appendedEntriesCanBeReadBeforeTheyAreDurable() throws {
        let gate = Gate()
        let (log, _) = try Log.open(
            directory: "/wal", options: .small, committed: .zero, logger: quiet, disk: SimulatedDisk(),
            onDurable: { _ in gate.pass() })
        try log.append(Sample.transactions(1...3))
        gate.waitForArrival()
        // The log's thread is held in its notice.
        let batch = try Sample.transactions(4...6)
        try log.append(batch)
        #expect(log.durable == LSN(3))
        #expect(log.queuedBytes == batch.bytes.readableBytes)
        #expect(try log.read(from: LSN(4), bytesMax: 1) == [batch])
        #expect(log.cached(from: LSN(5), bytesMax: 1) == [batch])
        #expect(log.cached(from: LSN(7), bytesMax: 1) == [])
        #expect(log.cached(from: LSN(8), bytesMax: 1) == nil)
        #expect(try log.locate(Sample.gtid(5)) == LSN(5))
        #expect(try log.state(through: LSN(5)) == GTIDState("0-1-5"))
        #expect(try log.start(for: GTIDPosition([Sample.gtid(4)])) == LSN(5))
        #expect(try log.headers(from: LSN(2), limit: 10).map(\.first) == [LSN(1), LSN(4)])
        gate.open()
        log.close()
        #expect(log.durable == LSN(6))
    }

    @Test func aNoticeFromBeforeACutIsOfAnOlderGeneration() throws {
        let log = try SimulatedLog()
        try log.append(Sample.transactions(1...3), Sample.transactions(4...6))
        try log.log.truncate(after: LSN(3))
        try log.append(Sample.batch(4, [.noOp], term: 2))
        log.log.close()
        let notices = log.notices.list
        #expect(notices.map(\.generation) == [0, 1])
        #expect(try notices[0].result.get() == LSN(6))
        #expect(try notices[1].result.get() == LSN(4))
    }

    @Test func aBatchIsCutWholeOrNotAtAll() throws {
        let log = try SimulatedLog()
        defer { log.log.close() }
        try log.append(Sample.transactions(1...3), Sample.transactions(4...6))
        #expect(throws: WALError.notOnBatchBoundary(after: LSN(5), batchFirst: LSN(4), batchLast: LSN(6))) {
            try log.log.truncate(after: LSN(5))
        }
        #expect(log.log.last == LSN(6))
        #expect(log.log.generation == 0)
        #expect(throws: WALError.beyondEnd(requested: LSN(7), last: LSN(6))) { try log.log.truncate(after: LSN(7)) }
        try log.log.truncate(after: .zero)
        #expect(log.log.last == .zero)
        #expect(log.log.first == LSN(1))
    }
}

/// Holds whoever passes until it is opened.
private final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var arrived = 0
    }
    private let monitor = Monitor(State())

    func pass() {
        monitor.withLock { $0.arrived += 1 }
        monitor.wakeAll()
        monitor.withLock(when: { $0.isOpen }) { _ in }
    }

    func waitForArrival() { monitor.withLock(when: { $0.arrived > 0 }) { _ in } }

    func open() {
        monitor.withLock { $0.isOpen = true }
        monitor.wakeAll()
    }
}
