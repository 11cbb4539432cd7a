import Testing

@testable import ClusterCore

@Suite("A log by its terms")
struct LogSummaryTests {
    @Test("Every entry has its term, and nothing beyond the ends does")
    func terms() throws {
        let summary = try LogSummary(
            base: position(10, 2),
            runs: [TermRun(first: LSN(11), term: Term(2)), TermRun(first: LSN(14), term: Term(5))],
            last: LSN(15))
        #expect(summary.term(at: LSN(9)) == nil)
        #expect(summary.term(at: LSN(10)) == Term(2))
        #expect(summary.term(at: LSN(13)) == Term(2))
        #expect(summary.term(at: LSN(14)) == Term(5))
        #expect(summary.term(at: LSN(15)) == Term(5))
        #expect(summary.term(at: LSN(16)) == nil)
        #expect(summary.end == position(15, 5))
        #expect(LogSummary().end == .zero)
    }

    @Test("Runs from a disk that cannot be are refused")
    func refused() {
        let runs = [TermRun(first: LSN(1), term: Term(3)), TermRun(first: LSN(4), term: Term(2))]
        #expect(throws: LogSummaryError.self) { try LogSummary(base: .zero, runs: runs, last: LSN(9)) }
        #expect(throws: LogSummaryError.self) { try LogSummary(base: .zero, runs: [], last: LSN(1)) }
        #expect(throws: LogSummaryError.self) {
            try LogSummary(base: .zero, runs: [TermRun(first: LSN(2), term: Term(1))], last: LSN(2))
        }
        #expect(throws: LogSummaryError.self) {
            try LogSummary(base: .zero, runs: [TermRun(first: LSN(1), term: Term(1))], last: LSN(.max))
        }
        #expect(throws: LogSummaryError.self) {
            try LogSummary(base: position(5, 4), runs: [TermRun(first: LSN(6), term: Term(3))], last: LSN(6))
        }
    }

    @Test("Two runs of one term are one")
    func merges() throws {
        let runs = [TermRun(first: LSN(1), term: Term(1)), TermRun(first: LSN(3), term: Term(1))]
        let summary = try LogSummary(base: .zero, runs: runs, last: LSN(4))
        #expect(summary.runs == [TermRun(first: LSN(1), term: Term(1))])
    }

    @Test("Appending, truncating and trimming keep to the terms")
    func changes() {
        var summary = log([1, 1, 2, 2, 5])
        summary.append(count: 3, term: Term(5))
        summary.append(count: 1, term: Term(6))
        #expect(summary.end == position(9, 6))
        #expect(summary.runs.count == 4)
        summary.truncate(after: LSN(4))
        #expect(summary.end == position(4, 2))
        summary.truncate(after: LSN(100))
        #expect(summary.end == position(4, 2))
        summary.trim(through: LSN(3))
        #expect(summary.base == position(3, 2))
        #expect(summary.runs == [TermRun(first: LSN(4), term: Term(2))])
        summary.trim(through: LSN(4))
        #expect(summary.base == position(4, 2))
        #expect(summary.runs.isEmpty)
        #expect(summary.end == position(4, 2))
    }

    /// Where two logs part, by brute force.
    private func parting(_ a: [UInt64], _ b: [UInt64]) -> UInt64 {
        UInt64(zip(a, b).prefix { $0 == $1 }.count)
    }

    @Test("One look at the other's terms tells where two logs part")
    func lastCommon() {
        let leader: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
        let followers: [[UInt64]] = [
            [1, 1, 1, 4, 4, 5, 5, 6, 6], [1, 1, 1, 4], [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
            [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], [1, 1, 1, 4, 4, 4, 4], [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3], [],
        ]
        for terms in followers {
            let follower = log(terms)
            let limit = min(follower.last, LSN(10))
            let runs = follower.runs(from: .zero, through: limit)
            #expect(log(leader).lastCommon(with: runs, through: limit) == LSN(parting(leader, terms)), "\(terms)")
        }
    }

    @Test("What is trimmed has nothing in common any more")
    func nothingCommon() {
        var leader = log([1, 1, 1, 4, 4])
        leader.trim(through: LSN(4))
        #expect(leader.lastCommon(with: log([1, 1]).runs(from: .zero, through: LSN(2)), through: LSN(2)) == nil)
        #expect(leader.edge(before: LSN(4)) == nil)
        #expect(log([1, 1, 1, 4, 4]).edge(before: LSN(5)) == LSN(3))
    }
}
