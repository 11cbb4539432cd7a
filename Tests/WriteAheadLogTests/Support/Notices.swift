import ClusterCore
import Dispatch
import Synchronization
import WriteAheadLog

/// Collects durability notices, and waits for them.
final class Notices: Sendable {
    private let all = Mutex<[DurableNotice]>([])
    private let arrived = DispatchSemaphore(value: 0)

    var list: [DurableNotice] { all.withLock { $0 } }

    func receive(_ notice: DurableNotice) {
        all.withLock { $0.append(notice) }
        arrived.signal()
    }

    /// Waits until a notice of this generation says that `lsn` is durable; the error of one that fails.
    func wait(for lsn: LSN, generation: UInt64 = 0) throws(WALError) {
        var seen = 0
        while true {
            let list = self.list
            while seen < list.count {
                let reached = try list[seen].result.get()
                if reached >= lsn, list[seen].generation == generation { return }
                seen += 1
            }
            arrived.wait()
        }
    }
}
