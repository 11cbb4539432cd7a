import ClusterCore
import Synchronization

/// The segment files open for reading, at most `filesMax`, the least recently used closed first. A file that goes
/// while somebody reads it stays open until that reader is done.
final class OpenSegments: Sendable {
    fileprivate struct Entry {
        let first: LSN
        /// After a truncation the same name may be another file.
        let layout: UInt64
        let file: any DiskFile
    }

    private let filesMax: Int
    private let entries = Mutex<[Entry]>([])

    init(filesMax: Int) { self.filesMax = max(filesMax, 1) }

    func file(_ first: LSN, layout: UInt64, store: SegmentStore) throws(DiskError) -> any DiskFile {
        if let known = entries.withLock({ $0.use(first, layout) }) { return known }
        let file = try store.open(first)
        entries.withLock { entries in
            entries.removeAll { $0.layout < layout || $0.first == first }
            if entries.count >= filesMax { entries.removeFirst() }
            entries.append(Entry(first: first, layout: layout, file: file))
        }
        return file
    }

    func closeAll() { entries.withLock { $0.removeAll() } }
}

extension [OpenSegments.Entry] {
    fileprivate mutating func use(_ first: LSN, _ layout: UInt64) -> (any DiskFile)? {
        guard let index = firstIndex(where: { $0.first == first && $0.layout == layout }) else { return nil }
        let entry = remove(at: index)
        append(entry)
        return entry.file
    }
}
