import ClusterCore
import NIOCore
import Testing
import WriteAheadLog

/// Compares a log with its model.
struct LogCheck {
    let log: Log
    let model: LogModel
    let comment: Comment

    func recovery(_ recovery: Recovery) {
        #expect(recovery.base == model.base.lsn, comment)
        #expect(recovery.baseTerm == model.base.term, comment)
        #expect(recovery.last == model.last, comment)
        #expect(recovery.termRuns == model.termRuns, comment)
        #expect(recovery.state == model.state(through: model.last), comment)
        #expect(recovery.memberships == model.memberships.suffix(4), comment)
    }

    func everything(random: inout SplitMix64) throws {
        #expect(log.first == model.base.lsn.next, comment)
        #expect(log.last == model.last, comment)
        #expect(log.lastTerm == model.lastTerm, comment)
        try contents(random: &random)
        try terms(random: &random)
        try gtids(random: &random)
        try starts(random: &random)
    }

    /// Everything from a random entry on, by disk and by cache, in pieces of random size.
    private func contents(random: inout SplitMix64) throws {
        guard !model.items.isEmpty else {
            #expect(try log.read(from: model.last.next, bytesMax: 1) == [], comment)
            return
        }
        let start = model.items.randomElement(using: &random)?.lsn ?? model.last
        let expected = model.batches.filter { $0.last >= start }
        let bytesMax = random.int(1...20_000)
        var found: [Batch] = []
        var from = start
        while true {
            let batches = try log.read(from: from, bytesMax: bytesMax)
            #expect(batches.count <= 1 || batches.reduce(0) { $0 + $1.bytes.readableBytes } <= bytesMax, comment)
            guard let last = batches.last else { break }
            found += batches
            from = last.last.next
        }
        #expect(found.elementsEqual(expected), comment)
        let entries = try found.flatMap { batch throws(WALError) in try batch.entries() }
        #expect(entries.elementsEqual(model.items.map(\.entry).suffix(entries.count)), comment)
        if let cached = log.cached(from: start, bytesMax: bytesMax) {
            #expect(cached.elementsEqual(expected.prefix(cached.count)), comment)
        }
        var headers: [BatchHeader] = []
        while (headers.last?.last ?? start.previous) < model.last {
            headers += try log.headers(from: headers.last?.last.next ?? start, limit: random.int(1...20))
        }
        #expect(headers.elementsEqual(expected.map(\.header)), comment)
        #expect(throws: WALError.beyondEnd(requested: model.last.next.next, last: model.last), comment) {
            try log.read(from: model.last.next.next, bytesMax: 1)
        }
        #expect(throws: WALError.purged(requested: model.base.lsn, first: model.base.lsn.next), comment) {
            try log.read(from: model.base.lsn, bytesMax: 1)
        }
    }

    private func terms(random: inout SplitMix64) throws {
        let lsn = LSN(UInt64(random.int(Int(model.base.lsn.rawValue)...Int(model.last.rawValue))))
        #expect(log.term(at: lsn) == model.term(at: lsn), comment)
        #expect(log.term(at: model.last.next) == nil, comment)
        #expect(try log.state(through: lsn) == model.state(through: lsn), comment)
    }

    private func gtids(random: inout SplitMix64) throws {
        let all = model.transactions()
        for transaction in all.shuffled(using: &random).prefix(4) {
            let complete = all.last { $0.gtid == transaction.gtid && $0.complete != nil }?.complete
            #expect(try log.locate(transaction.gtid) == complete, comment)
            #expect(try log.contains(transaction.gtid) == (complete != nil), comment)
        }
        let stranger = GTID(domain: UInt32(random.int(0...3)), server: 9, sequence: UInt64(random.int(1...9)))
        #expect(try !log.contains(stranger), comment)
        for gtid in model.base.state.gtids { #expect(try log.contains(gtid), comment) }
    }

    private func starts(random: inout SplitMix64) throws {
        let lsn = LSN(UInt64(random.int(Int(model.base.lsn.rawValue)...Int(model.last.rawValue))))
        var position = model.state(through: lsn).position
        if random.chance(20), let gtid = position.gtids.randomElement(using: &random) {
            position = GTIDPosition(position.gtids.filter { $0 != gtid })
        }
        guard model.base.state.gtids.allSatisfy(position.covers) else {
            #expect(throws: WALError.positionPurged(position: position, purged: model.base.state), comment) {
                try log.start(for: position)
            }
            return
        }
        let needed = model.transactions().filter { !$0.isAbandoned && !position.covers($0.gtid) }.map(\.first).min()
        let earliest = model.transactions().filter { !position.covers($0.gtid) }.map(\.first).min()
        if let needed, needed <= model.base.lsn {
            #expect(throws: WALError.self, comment) { try log.start(for: position) }
            return
        }
        let start = try log.start(for: position)
        #expect(start <= needed ?? model.last.next, comment)
        #expect(start >= max(earliest ?? model.last.next, log.first), comment)
    }
}
