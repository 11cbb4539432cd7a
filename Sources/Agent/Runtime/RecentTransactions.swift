import ClusterCore
import DequeModule

/// The LSNs of the last transactions of this primary, by GTID; bounded.
struct RecentTransactions {
    private var lsns: [GTID: LSN] = [:]
    private var order: Deque<GTID> = []
    private let countMax = 16_384

    mutating func insert(_ gtid: GTID, at lsn: LSN) {
        if lsns.updateValue(lsn, forKey: gtid) == nil { order.append(gtid) }
        if order.count > countMax { lsns[order.removeFirst()] = nil }
    }

    func lsn(of gtid: GTID) -> LSN? { lsns[gtid] }
}
