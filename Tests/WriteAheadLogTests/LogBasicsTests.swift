import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

@Suite struct LogBasicsTests {
    @Test func appendsAreDurableAndReadBackAfterReopening() throws {
        let directory = try TemporaryDirectory()
        let notices = Notices()
        let (log, recovery) = try Log.open(
            directory: directory.path, options: Log.Options(), committed: .zero, logger: quiet,
            onDurable: notices.receive)
        #expect(recovery.last == .zero)
        #expect(recovery.cut == nil)
        for first in stride(from: UInt64(1), through: 91, by: 10) {
            try log.append(Sample.transactions(first...first + 9))
        }
        try notices.wait(for: LSN(100))
        #expect(log.durable == LSN(100))
        log.close()

        let (again, second) = try Log.open(
            directory: directory.path, options: Log.Options(), committed: LSN(100), logger: quiet, onDurable: { _ in })
        defer { again.close() }
        #expect(second.last == LSN(100))
        #expect(second.cut == nil)
        #expect(second.state == GTIDState("0-1-100"))
        #expect(second.termRuns == [TermRun(first: LSN(1), term: Term(1))])
        let batches = try again.read(from: LSN(15), bytesMax: 1 << 20)
        #expect(batches.map(\.first) == stride(from: UInt64(11), through: 91, by: 10).map { LSN($0) })
        #expect(try batches[0].entries()[0] == Sample.transaction(11))
        #expect(try again.locate(Sample.gtid(42)) == LSN(42))
        #expect(try again.state(through: LSN(57)) == GTIDState("0-1-57"))
    }

    @Test func truncationCutsAndAppendsGoOn() throws {
        let directory = try TemporaryDirectory()
        let notices = Notices()
        let (log, _) = try Log.open(
            directory: directory.path, options: Log.Options(), committed: .zero, logger: quiet,
            onDurable: notices.receive)
        try log.append(Sample.transactions(1...10))
        try log.append(Sample.transactions(11...20))
        try notices.wait(for: LSN(20))
        try log.truncate(after: LSN(10))
        #expect(log.last == LSN(10))
        #expect(log.generation == 1)
        try log.append(Sample.batch(11, [.noOp], term: 2))
        try notices.wait(for: LSN(11))
        log.close()
        let (again, recovery) = try Log.open(
            directory: directory.path, options: Log.Options(), committed: .zero, logger: quiet, onDurable: { _ in })
        defer { again.close() }
        #expect(recovery.last == LSN(11))
        #expect(recovery.cut == nil)
        #expect(again.term(at: LSN(11)) == Term(2))
        #expect(again.term(at: LSN(10)) == Term(1))
    }
}
