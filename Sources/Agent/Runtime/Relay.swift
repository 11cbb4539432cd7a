import ClusterCore
import Logging
import MariaDBWire
import NIOCore
import NIOPosix
import WriteAheadLog

/// Where a transaction is applied: serves the committed log, and nothing else (I2), to the local server, as its primary.
@NodeLoop
final class Relay {
    private let log: Log
    private let threads: NIOThreadPool
    private let logger: Logger
    private var feeds: [ObjectIdentifier: RelayFeed] = [:]
    private(set) var committed: LSN = .zero
    /// What the sessions that have ended were sent.
    private var sentBefore = GTIDPosition()
    private var endedEntries: UInt64 = 0
    private var endedBytes: UInt64 = 0
    /// Says that the log no longer reaches back to the position that the server asked for.
    private let positionPurged: @NodeLoop (_ reason: String) -> Void

    init(
        log: Log, threads: NIOThreadPool, logger: Logger, positionPurged: @escaping @NodeLoop (_ reason: String) -> Void
    ) {
        self.log = log
        self.threads = threads
        self.logger = logger
        self.positionPurged = positionPurged
    }

    func committed(through lsn: LSN) {
        committed = lsn
        for feed in feeds.values { feed.advance(committed: lsn) }
    }

    /// Everything that was ever sent to a replica since the agent started.
    var sentPosition: GTIDPosition {
        var position = sentBefore
        for feed in feeds.values { position.advance(to: feed.sent) }
        return position
    }

    var sessionCount: Int { feeds.count }
    /// Since the agent started.
    var sentEntries: UInt64 { feeds.values.reduce(endedEntries) { $0 + $1.sentEntries } }
    var sentBytes: UInt64 { feeds.values.reduce(endedBytes) { $0 + $1.sentBytes } }

    private func end(_ session: BinlogReplicaSession) {
        guard let feed = feeds.removeValue(forKey: ObjectIdentifier(session)) else { return }
        sentBefore.advance(to: feed.sent)
        endedEntries += feed.sentEntries
        endedBytes += feed.sentBytes
    }

    private func open(_ session: BinlogReplicaSession, at position: GTIDPosition) {
        let feed = RelayFeed(session: session, log: log, threads: threads, position: position) { [weak self] error in
            self?.failed(session, error)
        }
        feeds[ObjectIdentifier(session)] = feed
        logger.debug("the local server asks for the log", metadata: ["position": "\(position)"])
        feed.begin(committed: committed)
    }

    private func failed(_ session: BinlogReplicaSession, _ error: any Error) {
        end(session)
        session.close(error: 1236, sqlState: "HY000", message: "wolfscale: \(error)")
        if case WALError.positionPurged = error {
            positionPurged("\(error)")
        } else {
            logger.error("the log can't be served to the local server", metadata: ["error": "\(error)"])
        }
    }
}

extension Relay: BinlogServerDelegate {
    nonisolated func binlogServer(
        _ server: BinlogServer, opened session: BinlogReplicaSession, at position: GTIDPosition, replicaServerID: UInt32
    ) {
        NodeLoop.assumeIsolated { open(session, at: position) }
    }

    nonisolated func binlogServer(_ server: BinlogServer, writable session: BinlogReplicaSession) {
        NodeLoop.assumeIsolated { feeds[ObjectIdentifier(session)]?.advance(committed: committed) }
    }

    nonisolated func binlogServer(_ server: BinlogServer, closed session: BinlogReplicaSession) {
        NodeLoop.assumeIsolated { end(session) }
    }
}
