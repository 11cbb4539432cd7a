import ClusterCore
import Foundation
import Logging
import NIOCore
import NIOPosix
import WriteAheadLog

/// Decides how much of the log is kept, and removes the rest.
///
/// A segment goes when it is older than `wal.retention_hours` and every member has applied it. Beyond `wal.max_size_mb` the oldest go
/// anyhow, as far as this node's own database has them; a member that is left behind by it needs a fresh copy and is told so.
@NodeLoop
final class Retention {
    private let log: Log
    private let threads: NIOThreadPool
    private let logger: Logger
    private let keepSeconds: UInt64
    private let sizeMax: UInt64
    private var busy = false

    init(log: Log, threads: NIOThreadPool, retentionHours: Int, maxSizeMB: Int, logger: Logger) {
        self.log = log
        self.threads = threads
        self.logger = logger
        keepSeconds = UInt64(retentionHours) * 3_600
        sizeMax = UInt64(maxSizeMB) << 20
    }

    /// - Parameters:
    ///   - applied: What this node's own database has.
    ///   - everywhere: What every member has applied; nil while one of them has not been heard of.
    ///   - trimmed: Told the new beginning of the log when something was removed.
    ///   - mayLeaveBehind: Whether the size counts more than a member that lacks the entries.
    func run(
        applied: LSN, everywhere: LSN?, mayLeaveBehind: Bool = true, now: Date = Date(),
        trimmed: @escaping @NodeLoop @Sendable (LSN) -> Void
    ) {
        guard !busy else { return }
        let segments = log.segments
        let horizon = UInt64(max(0, now.timeIntervalSince1970)) - keepSeconds
        var through: LSN?
        var excess = log.sizeBytes > sizeMax ? log.sizeBytes - sizeMax : 0
        for segment in segments.dropLast() {
            let isOld = segment.sealed.map { $0 < horizon } ?? false
            let isSpare = everywhere.map { segment.last <= $0 } ?? false
            guard segment.last <= applied, (isOld && isSpare) || (excess > 0 && (mayLeaveBehind || isSpare)) else {
                break
            }
            through = segment.last
            excess = excess > segment.fileBytes ? excess - segment.fileBytes : 0
        }
        guard let through else { return }
        busy = true
        let log = log
        threads.runIfActive(eventLoop: NodeLoop.eventLoop) { try log.purge(through: through, olderThan: .max) }
            .whenComplete { [weak self] result in
                NodeLoop.assumeIsolated {
                    guard let self else { return }
                    self.busy = false
                    switch result {
                    case .success(let purged):
                        guard purged.segments > 0 else { return }
                        self.logger.info(
                            "old segments are gone",
                            metadata: ["segments": "\(purged.segments)", "first": "\(log.first)"])
                        trimmed(log.first.previous)
                    case .failure(let error):
                        self.logger.warning("old segments can't be removed", metadata: ["error": "\(error)"])
                    }
                }
            }
    }
}
