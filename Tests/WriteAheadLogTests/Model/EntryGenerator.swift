import ClusterCore
import NIOCore
import WriteAheadLog

/// Makes batches as a leader would: transactions of several domains and servers, fragmented ones, some of them
/// abandoned, no-ops of new terms, and memberships.
struct EntryGenerator {
    var random: SplitMix64
    private var fragments: (gtid: GTID, left: Int)?

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// After a cut or a crash.
    mutating func forget() { fragments = nil }

    mutating func nextBatch(after model: LogModel) throws(WALError) -> (Batch, [Entry]) {
        var term = max(model.lastTerm, Term(1))
        var entries: [Entry]
        let dice = random.int(0...99)
        if let (gtid, left) = fragments, dice < 80 {
            fragments = left > 1 ? (gtid, left - 1) : nil
            entries = [.fragment(left > 1 ? .middle : .last, of: gtid, events: body(600))]
        } else if dice < 10 {
            term = dice < 6 ? term.next : term
            if term != model.lastTerm { fragments = nil }
            entries = [.noOp]
        } else if dice < 16 {
            entries = [.membership(ByteBuffer(string: "{\"n\":\(random.int(0...999))}"))]
        } else if dice < 30 {
            let gtid = next(model.state(through: model.last))
            fragments = (gtid, random.int(1...6))
            entries = [.fragment(.first, of: gtid, source: source(), events: body(600))]
        } else {
            fragments = nil
            var state = model.state(through: model.last)
            entries = []
            for _ in 0..<random.int(1...6) {
                let gtid = next(state)
                state.advance(to: gtid)
                entries.append(.transaction(gtid, source: random.chance(70) ? source() : nil, events: body(300)))
            }
        }
        let codec: Codec = random.chance(50) ? .lz4 : .none
        return (try Batch.encode(entries, first: model.last.next, term: term, codec: codec), entries)
    }

    /// The next sequence number of some domain, from some server, sometimes with a gap before it.
    private mutating func next(_ state: GTIDState) -> GTID {
        let domain = UInt32(random.int(0...2))
        let last = state.position[domain]?.sequence ?? 0
        let gap: UInt64 = random.chance(10) ? 3 : 1
        return GTID(domain: domain, server: UInt32(random.int(1...3)), sequence: last + gap)
    }

    private mutating func source() -> SourcePosition {
        SourcePosition(file: "binlog.00000\(random.int(1...3))", offset: UInt64(random.int(4...1_000_000)))
    }

    private mutating func body(_ sizeMax: Int) -> ByteBuffer {
        Sample.body(random.int(0...sizeMax), salt: random.next())
    }
}
