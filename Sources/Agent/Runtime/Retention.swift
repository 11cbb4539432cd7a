import ClusterCore
import Foundation
import Logging
import NIOCore
import NIOPosix
import WriteAheadLog

/// Removes what ``RetentionPolicy`` says the log need not keep.
@NodeLoop
final class Retention {
    private let log: Log
    private let threads: NIOThreadPool
    private let logger: Logger
    private let policy: RetentionPolicy
    private var busy = false

    init(log: Log, threads: NIOThreadPool, retentionHours: Int, maxSizeMB: Int, logger: Logger) {
        self.log = log
        self.threads = threads
        self.logger = logger
        policy = RetentionPolicy(
            keepSeconds: UInt64(retentionHours) * 3_600, sizeMaxBytes: UInt64(maxSizeMB) << 20)
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
        let segments = log.segments.map {
            RetentionPolicy.Segment(last: $0.last, fileBytes: $0.fileBytes, sealed: $0.sealed)
        }
        let seconds = UInt64(max(0, now.timeIntervalSince1970))
        guard
            let through = policy.purgeable(
                segments, applied: applied, everywhere: everywhere, mayLeaveBehind: mayLeaveBehind, now: seconds)
        else { return }
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
