import ClusterCore
import NIOCore

/// Reads a log's files without opening the log: nothing is repaired, locked or written, so it works beside a running agent and on
/// damaged files.
public struct LogInspector {
    private let store: SegmentStore
    private static let windowBytes = 1 << 20

    /// One segment file and what was found in it.
    public struct Segment: Sendable {
        public var path: String
        public var first: LSN
        public var fileBytes: UInt64
        public var batches = 0
        public var entries = 0
        /// The last entry found; nil when there is none.
        public var last: LSN?
        /// Bytes of batches.
        public var usedBytes: UInt64 = 0
        /// Why reading ended before the file's reserved space; nil when it ended where it should.
        public var damage: String?
    }

    public init(directory: String) {
        store = SegmentStore(disk: PosixDisk(), directory: directory, options: Log.Options())
    }

    /// Reads every segment, verifying headers and payload checksums.
    /// - Parameter visit: called for each batch in order.
    public func inspect(_ visit: (Segment, BatchHeader) -> Void = { _, _ in }) throws(WALError) -> [Segment] {
        let firsts: [LSN]
        do throws(DiskError) { firsts = try store.list() } catch { throw WALError(error) }
        var segments: [Segment] = []
        for first in firsts { segments.append(try inspect(first, visit)) }
        return segments
    }

    private func inspect(_ first: LSN, _ visit: (Segment, BatchHeader) -> Void) throws(WALError) -> Segment {
        do throws(DiskError) {
            let file = try store.open(first)
            let size = try file.size()
            var segment = Segment(path: store.path(first), first: first, fileBytes: size)
            let block = try file.read(at: 0, length: min(SegmentHeader.blockBytes, Int(size)))
            let bytes = try file.read(at: 0, length: SegmentHeader.headerBytes(firstBlock: block))
            do throws(SegmentHeader.Fault) {
                let header = try SegmentHeader(reading: bytes)
                scan(file, from: UInt64(header.headerBytes), size: size, &segment, visit)
            } catch { segment.damage = "\(error)" }
            return segment
        } catch { throw WALError(error) }
    }

    private func scan(
        _ file: any DiskFile, from start: UInt64, size: UInt64, _ segment: inout Segment,
        _ visit: (Segment, BatchHeader) -> Void
    ) {
        var scanner = BatchScanner(file, from: start, to: size, windowBytes: Self.windowBytes)
        do throws(BatchScanner.Fault) {
            while let batch = try scanner.next() {
                segment.batches += 1
                segment.entries += batch.count
                segment.last = batch.last
                segment.usedBytes = scanner.offset
                visit(segment, batch.header)
            }
        } catch {
            switch error {
            case .disk(let fault): segment.damage = "\(fault.operation): errno \(fault.errno)"
            case .batch(let fault):
                // A segment ends with reserved zeros or a trailer, neither of which is a batch.
                if !endsHere(file, at: scanner.offset, size: size) {
                    segment.damage = "at offset \(scanner.offset): \(fault)"
                }
            }
        }
    }

    private func endsHere(_ file: any DiskFile, at offset: UInt64, size: UInt64) -> Bool {
        do throws(DiskError) {
            let start = try file.read(at: offset, length: min(8, Int(size - offset)))
            return start.readableBytesView.prefix(4) != [0x57, 0x53, 0x42, 0x31]
        } catch { return false }
    }
}
