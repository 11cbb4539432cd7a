import ClusterCore
import Synchronization

/// Where sequential readers left off, so that they need not search from the last point of the index.
final class ReadHints: Sendable {
    private struct Hint {
        let lsn: LSN
        let segment: LSN
        let offset: UInt64
        let layout: UInt64
    }

    private static let hintsMax = 16
    private let hints = Mutex<[Hint]>([])

    func offset(of lsn: LSN, in segment: Segment, layout: UInt64) -> UInt64? {
        hints.withLock { hints in
            let index = hints.firstIndex { $0.lsn == lsn && $0.segment == segment.first && $0.layout == layout }
            guard let index else { return nil }
            return hints.remove(at: index).offset
        }
    }

    func note(_ lsn: LSN, in segment: Segment, at offset: UInt64, layout: UInt64) {
        hints.withLock { hints in
            if hints.count >= Self.hintsMax { hints.removeFirst() }
            hints.append(Hint(lsn: lsn, segment: segment.first, offset: offset, layout: layout))
        }
    }
}
