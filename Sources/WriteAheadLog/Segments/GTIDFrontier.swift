import ClusterCore

/// The last sequence number of each (domain, server), as a small array: logs know few servers, and the sparse index
/// relies on an order that only grows at its end.
struct GTIDFrontier: Hashable, Sendable {
    private(set) var marks: [GTID] = []

    /// How many (domain, server) pairs a log may know; it bounds a segment's header.
    static let marksMax = 16_384

    init() {}

    /// - Precondition: no (domain, server) occurs twice.
    init(marks: [GTID]) { self.marks = marks }

    init(_ state: GTIDState) { marks = state.gtids }

    subscript(domain: UInt32, server: UInt32) -> UInt64? {
        marks.first { $0.server == server && $0.domain == domain }?.sequence
    }

    mutating func advance(to gtid: GTID) {
        for index in marks.indices where marks[index].server == gtid.server && marks[index].domain == gtid.domain {
            marks[index].sequence = max(marks[index].sequence, gtid.sequence)
            return
        }
        marks.append(gtid)
    }

    /// Whether `gtid`'s own server had come so far.
    func reaches(_ gtid: GTID) -> Bool { self[gtid.domain, gtid.server].map { $0 >= gtid.sequence } ?? false }

    func isCovered(by position: GTIDPosition) -> Bool { marks.allSatisfy(position.covers) }

    var state: GTIDState { GTIDState(marks) }
}
