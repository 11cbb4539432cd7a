import Foundation
import NIOCore

/// The way of an answer from a session's thread to the task that sends it. The thread waits while `bytesMax` lie unread, so the
/// server waits, and memory stays bounded whatever the result's size.
///
/// Unchecked: all state is guarded by `condition`.
final class RowPipe: @unchecked Sendable {
    enum End: Sendable {
        case complete
        case failed(Problem)
        /// The database has not reached the wanted position in time; nothing was read.
        case behind
    }

    struct Piece: Sendable {
        var bytes: ByteBuffer
        /// With the last piece.
        var end: End?
    }

    private let condition = NSCondition()
    private let bytesMax: Int
    private var pieces: [ByteBuffer] = []
    private var bytesUnread = 0
    private var end: End?
    private var reader: CheckedContinuation<Void, Never>?
    private var isAbandoned = false
    /// The connection on which the query runs.
    private var connection: UInt?

    init(bytesMax: Int = 256 << 10) { self.bytesMax = bytesMax }

    // MARK: The thread's side

    /// - Parameter connection: the server's number of the connection on which the query is about to run.
    /// - Returns: false when nobody waits for it.
    func begin(_ connection: UInt) -> Bool {
        condition.withLock {
            if !isAbandoned { self.connection = connection }
            return !isAbandoned
        }
    }

    enum Taken { case yes, abandoned, late }

    /// Waits until there is room.
    func write(_ bytes: ByteBuffer, until deadline: Date) -> Taken {
        condition.lock()
        while bytesUnread >= bytesMax, !isAbandoned {
            if !condition.wait(until: deadline) { break }
        }
        guard !isAbandoned, bytesUnread < bytesMax else {
            defer { condition.unlock() }
            return isAbandoned ? .abandoned : .late
        }
        pieces.append(bytes)
        bytesUnread += bytes.readableBytes
        wakeAndUnlock()
        return .yes
    }

    /// The last bytes, for which there is always room, and how it ended.
    /// - Returns: whether somebody asked to stop the query meanwhile: then the connection must not be used again.
    @discardableResult
    func finish(_ bytes: ByteBuffer, _ end: End) -> Bool {
        condition.lock()
        if bytes.readableBytes > 0 { pieces.append(bytes) }
        if self.end == nil { self.end = end }
        connection = nil
        let wasAbandoned = isAbandoned
        wakeAndUnlock()
        return wasAbandoned
    }

    /// With the lock held.
    private func wakeAndUnlock() {
        let waiting = reader
        reader = nil
        condition.unlock()
        waiting?.resume()
    }

    // MARK: The reader's side

    /// The next piece; the last one has an end. One reader only.
    func next() async -> Piece {
        while true {
            if let piece = take() { return piece }
            await withCheckedContinuation { continuation in
                condition.lock()
                if isAbandoned || end != nil || !pieces.isEmpty {
                    condition.unlock()
                    continuation.resume()
                } else {
                    reader = continuation
                    condition.unlock()
                }
            }
        }
    }

    private func take() -> Piece? {
        condition.withLock {
            if isAbandoned { return Piece(bytes: ByteBuffer(), end: end ?? .failed(RowPipe.gone)) }
            guard !pieces.isEmpty else { return end.map { Piece(bytes: ByteBuffer(), end: $0) } }
            let bytes = pieces.removeFirst()
            bytesUnread -= bytes.readableBytes
            condition.signal()
            return Piece(bytes: bytes, end: pieces.isEmpty ? end : nil)
        }
    }

    /// Nobody wants the rest; `reason` is what the reader is told.
    /// - Returns: the connection on which the query runs, to be stopped there; nil when none does.
    func abandon(_ reason: Problem = RowPipe.gone) -> UInt? {
        condition.lock()
        let running = end == nil && !isAbandoned ? connection : nil
        isAbandoned = true
        end = end ?? .failed(reason)
        pieces = []
        bytesUnread = 0
        condition.signal()
        wakeAndUnlock()
        return running
    }

    static let gone = Problem(.other, status: 499, "The client has gone.")
}
