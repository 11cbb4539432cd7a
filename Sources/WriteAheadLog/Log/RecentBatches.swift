import ClusterCore
import NIOCore

/// The newest batches, consecutive, in memory: those that the writer has yet to write, and before them as many as
/// fit the cache.
struct RecentBatches: Sendable {
    private var batches = CircularBuffer<Batch>(initialCapacity: 256)
    /// The memory behind the batches.
    private(set) var bytes = 0

    /// What a batch costs beside its bytes.
    private static let overheadBytes = 160

    var first: LSN? { batches.first?.first }

    mutating func append(_ batch: Batch) {
        let kept = Self.compacted(batch)
        batches.append(kept)
        bytes += Self.cost(kept)
    }

    /// Drops the oldest while the rest is more than `bytesMax`, but only durable ones.
    mutating func evict(through durable: LSN, bytesMax: Int) {
        while bytes > bytesMax, let oldest = batches.first, oldest.last <= durable {
            batches.removeFirst()
            bytes -= Self.cost(oldest)
        }
    }

    /// Drops what lies after `lsn`. The caller has seen to it that this is the end of a batch.
    mutating func cut(after lsn: LSN) {
        while let newest = batches.last, newest.last > lsn {
            batches.removeLast()
            bytes -= Self.cost(newest)
        }
    }

    mutating func removeAll() {
        batches.removeAll()
        bytes = 0
    }

    /// The batch that holds `lsn`.
    func batch(holding lsn: LSN) -> Batch? { index(of: lsn).map { batches[offset: $0] } }

    /// Batches from the one that holds `lsn` on: at least one, more while all together have at most `bytesMax`
    /// bytes. Nil when no batch here holds `lsn`.
    func from(_ lsn: LSN, bytesMax: Int) -> [Batch]? {
        guard var position = index(of: lsn) else { return nil }
        var result: [Batch] = []
        var size = 0
        while position < batches.count {
            let batch = batches[offset: position]
            size += batch.bytes.readableBytes
            if !result.isEmpty, size > bytesMax { break }
            result.append(batch)
            position += 1
        }
        return result
    }

    /// The length of the batches after `lsn`.
    func bytes(after lsn: LSN) -> Int {
        guard let start = index(of: lsn.next) else { return 0 }
        return (start..<batches.count).reduce(0) { $0 + batches[offset: $1].bytes.readableBytes }
    }

    /// The headers of the batches after `lsn`.
    func headers(after lsn: LSN) -> [BatchHeader] {
        guard let start = index(of: lsn.next) else { return [] }
        return (start..<batches.count).map { batches[offset: $0].header }
    }

    private func index(of lsn: LSN) -> Int? {
        guard let first = batches.first, let last = batches.last, lsn >= first.first, lsn <= last.last else {
            return nil
        }
        return partitionPoint(batches.count) { batches[offset: $0].last < lsn }
    }

    private static func cost(_ batch: Batch) -> Int { batch.bytes.storageCapacity + overheadBytes }

    /// A slice of a large buffer would keep all of it in memory.
    private static func compacted(_ batch: Batch) -> Batch {
        let size = batch.bytes.readableBytes
        guard batch.bytes.storageCapacity > 2 * size + 1024 else { return batch }
        var copy = ByteBufferAllocator().buffer(capacity: size)
        copy.writeImmutableBuffer(batch.bytes)
        return Batch(header: batch.header, bytes: copy)
    }
}

extension CircularBuffer {
    fileprivate subscript(offset offset: Int) -> Element { self[index(startIndex, offsetBy: offset)] }
}
