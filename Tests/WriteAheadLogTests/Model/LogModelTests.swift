import ClusterCore
import Foundation
import NIOCore
import Testing
import WriteAheadLog

/// Random operations on a log over a simulated disk that fails and loses power, against the model.
///
/// `WAL_MODEL_SEED` replays one run, `WAL_MODEL_RUNS` makes more of them.
@Suite struct LogModelTests {
    static var seeds: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["WAL_MODEL_SEED"].flatMap(UInt64.init) { return [seed] }
        return Array(1...(environment["WAL_MODEL_RUNS"].flatMap(UInt64.init) ?? 60)) + known
    }

    /// Seeds that once failed.
    private static let known: [UInt64] = [1945, 2009, 2734]

    @Test(arguments: seeds) func behavesAsTheModel(seed: UInt64) throws {
        var run = ModelRun(seed: seed)
        try run.perform(steps: 60)
    }
}

/// One run: the log, its model, and what may have become of them when something fails.
struct ModelRun {
    private let seed: UInt64
    private var random: SplitMix64
    private var generator: EntryGenerator
    private var disk = SimulatedDisk()
    private var options = Log.Options()
    private var model = LogModel()
    private var log: Log?
    private var notices = Notices()
    private var step = 0

    private var comment: Comment { "WAL_MODEL_SEED=\(seed), step \(step)" }

    init(seed: UInt64) {
        self.seed = seed
        random = SplitMix64(seed: seed)
        generator = EntryGenerator(seed: seed &* 31)
        options.segmentBytesMax = random.int(5000...14_000)
        options.indexIntervalBytes = random.int(100...1500)
        options.zeroAheadBytes = random.chance(80) ? random.int(0...2000) : 0
        options.cacheBytesMax = random.int(0...6000)
        options.groupBytesMax = random.int(1000...5000)
        options.openFilesMax = random.int(1...3)
        options.reservesSpace = random.chance(80)
    }

    mutating func perform(steps: Int) throws {
        try open(committed: .zero)
        for number in 1...steps {
            step = number
            if random.chance(12) { injectFault() }
            do {
                try performOne()
            } catch let error as InFlight {
                try recover(from: error)
            }
            guard let log else { return }
            try LogCheck(log: log, model: model, comment: comment).everything(random: &random)
        }
        log?.close()
    }

    /// What was under way when the disk failed.
    private enum InFlight: Error {
        /// The log may be any prefix of this that reaches `atLeast`.
        case prefix(of: LogModel, atLeast: LSN)
        case purge(LogModel)
        case reset(from: LogModel, to: LogModel)
    }

    private mutating func injectFault() {
        let fault: SimulatedDisk.Fault = random.chance(60) ? .powerLoss : .error(random.chance(50) ? 5 : 28)
        disk.inject(fault, at: disk.operations + random.int(0...12))
    }

    private mutating func performOne() throws {
        let dice = random.int(0...99)
        if dice < 60 {
            try append()
        } else if dice < 75 {
            try truncate()
        } else if dice < 85 {
            try purge()
        } else if dice < 97 {
            try reopen()
        } else {
            try reset()
        }
    }

    private mutating func append() throws {
        guard let log else { return }
        let before = model
        var batches: [Batch] = []
        for _ in 0..<random.int(1...5) {
            let (batch, entries) = try generator.nextBatch(after: model)
            model.append(batch, entries)
            batches.append(batch)
        }
        do {
            if random.chance(50) {
                for batch in batches { try log.append(batch, wakes: false) }
                if let notice = log.writeHere(bytesMax: random.int(0...20_000)) { notices.receive(notice) }
            } else {
                try log.append(contentsOf: batches)
            }
            try notices.wait(for: model.last, generation: log.generation)
        } catch {
            #expect(log.failure != nil, comment)
            throw InFlight.prefix(of: model, atLeast: before.last)
        }
        #expect(log.durable == model.last, comment)
        #expect(log.queuedBytes == 0, comment)
    }

    private mutating func truncate() throws {
        guard let log, let after = model.boundaries.suffix(random.int(1...12)).first else { return }
        let before = model
        model.truncate(after: after)
        generator.forget()
        let generation = log.generation
        do {
            try log.truncate(after: after)
        } catch {
            throw InFlight.prefix(of: before, atLeast: after)
        }
        #expect(log.generation == generation + 1, comment)
        #expect(log.durable == after, comment)
    }

    private mutating func purge() throws {
        guard let log else { return }
        let through = model.items.randomElement(using: &random)?.lsn ?? .zero
        let before = model
        let purged: Log.Purged
        do {
            purged = try log.purge(through: through, olderThan: .max)
        } catch {
            throw InFlight.purge(before)
        }
        let base = log.first.previous
        #expect(base <= max(through, before.base.lsn), comment)
        #expect((purged.segments == 0) == (base == before.base.lsn), comment)
        model.purge(through: base)
    }

    private mutating func reset() throws {
        guard let log else { return }
        let before = model
        model = LogModel()
        model.base = Log.Base(lsn: before.last + 1000, term: before.lastTerm, state: before.state(through: before.last))
        generator.forget()
        do {
            try log.reset(to: model.base)
        } catch {
            throw InFlight.reset(from: before, to: model)
        }
    }

    private mutating func reopen() throws {
        log?.close()
        disk = disk.restarted()
        try open(committed: random.chance(50) ? model.last : .zero)
    }

    private mutating func open(committed: LSN) throws {
        let notices = Notices()
        self.notices = notices
        let (log, recovery) = try Log.open(
            directory: "/wal", options: options, committed: committed, logger: quiet, disk: disk,
            onDurable: notices.receive)
        self.log = log
        LogCheck(log: log, model: model, comment: comment).recovery(recovery)
    }
}

extension ModelRun {
    /// Starts the agent, or the machine, again after the disk has failed.
    private mutating func recover(from failure: InFlight) throws {
        if let log {
            if log.failure != nil {
                #expect(throws: WALError.self, comment) {
                    try log.append(Sample.batch(log.last.rawValue + 1, [.noOp], term: 99))
                }
            }
            log.close()
        }
        generator.forget()
        // A failed sync may have lost pages too, so an error may be followed by a loss of power.
        disk = random.chance(70) ? disk.powerLost(seed: random.next()) : disk.restarted()
        let committed: LSN
        switch failure {
        case .prefix(_, let atLeast): committed = atLeast
        case .purge(let model): committed = model.last
        case .reset: committed = .zero
        }
        let notices = Notices()
        self.notices = notices
        let (log, recovery) = try Log.open(
            directory: "/wal", options: options, committed: committed, logger: quiet, disk: disk,
            onDurable: notices.receive)
        self.log = log
        adopt(recovery, after: failure)
        LogCheck(log: log, model: model, comment: comment).recovery(recovery)
    }

    /// Sets the model to what was found, if it may be so.
    private mutating func adopt(_ recovery: Recovery, after failure: InFlight) {
        switch failure {
        case .prefix(let whole, let atLeast):
            #expect(recovery.last >= atLeast, comment)
            #expect(whole.boundaries.contains(recovery.last), comment)
            model = whole
            model.truncate(after: recovery.last)
        case .purge(let whole):
            #expect(recovery.last == whole.last, comment)
            #expect(whole.boundaries.contains(recovery.base), comment)
            model = whole
            if recovery.base > whole.base.lsn { model.purge(through: recovery.base) }
        case .reset(let old, let new):
            if recovery.base == new.base.lsn {
                model = new
            } else if recovery.base == old.base.lsn, recovery.last >= recovery.base,
                old.base.lsn > .zero || recovery.last > .zero
            {
                model = old
                model.truncate(after: recovery.last)
            } else {
                model = LogModel()
            }
        }
    }
}
