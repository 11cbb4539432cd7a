import ClusterCore
import Logging
import NIOCore
import NIOPosix
import WANLink
import WriteAheadLog

/// Feeding the peers. The receiver's credit, not this node, decides how much is under way; what is not under way stays on
/// the disk, however long the backlog.
extension Consensus {
    /// The most that one append message carries, unless a single batch is larger.
    nonisolated private static let messageBytesMax = 256 << 10

    func pumpAll() { for member in raft.membership.members { pump(member.number) } }

    /// Sends a peer what it lacks, as far as its line takes it: from memory, or from disk when it is further behind.
    func pump(_ peer: NodeNumber) {
        while !isReading(for: peer), network.bulkCapacity(to: peer) > 0, let request = raft.nextAppend(to: peer) {
            guard request.mayCarryEntries else {
                if !send(request, [], to: peer) { return }
                continue
            }
            if let batches = log.cached(from: request.prev.lsn.next, bytesMax: Self.messageBytesMax) {
                if !send(request, batches, to: peer) { return }
            } else {
                read(request, for: peer)
            }
        }
    }

    /// The peer's bulk line is a new one: what was under way on the one before is lost.
    func connected(_ peer: NodeNumber) {
        handle(.lineReset(to: peer))
        pump(peer)
    }

    private func isReading(for peer: NodeNumber) -> Bool { feeds[peer]?.isReading ?? false }

    /// - Returns: whether it was handed to the link and counted by Raft; else there is no point in going on now.
    private func send(_ request: AppendRequest, _ batches: [Batch], to peer: NodeNumber) -> Bool {
        let message = RaftMessageCodec.encodeAppend(request, batches: batches.map { sendable($0).bytes })
        guard network.sendBulk(message, to: peer),
            raft.sent(request, to: peer, through: batches.last?.last ?? request.prev.lsn)
        else { return false }
        feeds[peer, default: PeerFeed()].sent(batches)
        return true
    }

    /// With `link.compression = "lz4"` what lies in the log uncompressed is compressed for the way.
    private func sendable(_ batch: Batch) -> Batch {
        guard compressesForLinks, batch.header.codec == .none else { return batch }
        do { return try batch.recoded(.lz4) } catch {
            logger.error("a batch can't be read", metadata: ["lsn": "\(batch.first)", "error": "\(error)"])
            return batch
        }
    }

    private func read(_ request: AppendRequest, for peer: NodeNumber) {
        feeds[peer, default: PeerFeed()].isReading = true
        let log = log
        let from = request.prev.lsn.next
        threads.runIfActive(eventLoop: NodeLoop.eventLoop) {
            try log.read(from: from, bytesMax: Self.messageBytesMax)
        }.whenComplete { [weak self] result in
            NodeLoop.assumeIsolated { self?.didRead(result, for: request, peer: peer) }
        }
    }

    private func didRead(_ result: Result<[Batch], any Error>, for request: AppendRequest, peer: NodeNumber) {
        feeds[peer]?.isReading = false
        switch result {
        case .success(let batches):
            // Meanwhile the peer may have been set back or the term may have ended.
            guard let now = raft.nextAppend(to: peer), now.prev == request.prev, now.term == request.term,
                now.mayCarryEntries
            else { return pump(peer) }
            if send(now, batches, to: peer) { pump(peer) }
        case .failure(let error):
            logger.error("the log can't be read for a peer", metadata: ["peer": "\(peer)", "error": "\(error)"])
        }
    }
}

/// What this node has sent to one peer.
struct PeerFeed {
    /// A read from disk is under way.
    var isReading = false
    /// The last entry ever sent, by its LSN alone.
    private(set) var highest = LSN.zero
    /// Stored bytes of batches.
    private(set) var sentBytes: UInt64 = 0
    /// Of these, what had been sent before.
    private(set) var resentBytes: UInt64 = 0

    mutating func sent(_ batches: [Batch]) {
        for batch in batches {
            let bytes = UInt64(batch.bytes.readableBytes)
            sentBytes += bytes
            if batch.last <= highest { resentBytes += bytes }
            highest = max(highest, batch.last)
        }
    }

    /// Entries above `lsn` are gone from the log; those that take their place have not been sent.
    mutating func truncated(after lsn: LSN) { highest = min(highest, lsn) }
}
