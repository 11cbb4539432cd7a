import ClusterCore
import Dispatch
import NIOCore
import Synchronization
import Testing
import WriteAheadLog

/// Readers on their own threads while one thread appends, cuts and purges, on a real disk.
@Suite struct ConcurrencyTests {
    @Test(.timeLimit(.minutes(2))) func readersSeeWholeBatchesOfOneHistory() throws {
        let directory = try TemporaryDirectory()
        var options = Log.Options()
        options.segmentBytesMax = 64 << 10
        options.cacheBytesMax = 16 << 10
        options.indexIntervalBytes = 4 << 10
        options.zeroAheadBytes = 4 << 10
        let (log, _) = try Log.open(
            directory: directory.path, options: options, committed: .zero, logger: quiet, onDurable: { _ in })
        let isDone = Atomic(false)
        let problems = Mutex<[String]>([])
        let readers = DispatchGroup()
        for reader in 0..<3 {
            DispatchQueue.global().async(group: readers) {
                var random = SplitMix64(seed: UInt64(reader))
                while !isDone.load(ordering: .acquiring) {
                    do throws(WALError) {
                        try read(log, &random)
                    } catch {
                        switch error {
                        // The reader was overtaken.
                        case .purged, .positionPurged, .beyondEnd: break
                        default: problems.withLock { $0.append("\(error)") }
                        }
                    }
                }
            }
        }
        try write(log)
        isDone.store(true, ordering: .releasing)
        readers.wait()
        log.close()
        #expect(problems.withLock { $0 } == [])
    }

    /// The sequence number is the LSN, the server is the term.
    private func write(_ log: Log) throws {
        var random = SplitMix64(seed: 99)
        var term: UInt64 = 1
        for round in 1...1500 {
            let first = log.last.rawValue + 1
            let entries = (first...first + UInt64(random.int(0...8))).map {
                Sample.transaction($0, server: UInt32(term), size: random.int(0...800))
            }
            try log.append(Sample.batch(first, entries, term: term))
            if round % 100 == 0 {
                let headers = try log.headers(from: log.first, limit: .max)
                let boundary = try log.headers(
                    from: headers.randomElement(using: &random)?.first ?? log.first, limit: 1)
                try log.truncate(after: max(boundary.last?.last ?? log.last, log.first.previous))
                term += 1
            }
            if round % 70 == 0 { _ = try log.purge(through: LSN(log.last.rawValue / 2), olderThan: .max) }
        }
    }
}

private func read(_ log: Log, _ random: inout SplitMix64) throws(WALError) {
    let first = log.first.rawValue
    let last = log.last.rawValue
    guard last > first else { return }
    let from = LSN(first + UInt64(random.int(0...Int(last - first))))
    let batches = try log.read(from: from, bytesMax: random.int(1...50_000))
    var expected: LSN?
    for batch in batches {
        if let expected, batch.first != expected { throw .notContiguous(expected: expected, found: batch.first) }
        for (index, entry) in try batch.entries().enumerated() {
            guard let gtid = entry.gtid, gtid.sequence == batch.first.rawValue + UInt64(index),
                UInt64(gtid.server) == batch.term.rawValue
            else { throw .invalidEntries("\(entry.gtid as Any) at \(batch.first) + \(index) in term \(batch.term)") }
        }
        expected = batch.last.next
    }
    let state = try log.state(through: from)
    guard state.position[0]?.sequence == from.rawValue else { throw .invalidEntries("state \(state) at \(from)") }
    _ = try log.start(for: state.position)
}
