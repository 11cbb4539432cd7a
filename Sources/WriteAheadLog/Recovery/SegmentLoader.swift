import ClusterCore
import NIOCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Reads what there is of a segment file when the log is opened.
struct SegmentLoader {
    let store: SegmentStore

    struct Loaded {
        var segment: Segment
        /// After its last entry.
        let history: History
        let file: any DiskFile
        /// What follows the last valid batch and should not.
        let damage: Damage?
    }

    struct Damage: Error {
        let offset: UInt64
        /// Up to the last byte that is not zero.
        let bytes: UInt64
        let reason: String
    }

    private static let windowBytes = 1 << 20

    /// Damage alone means that not even the header can be read.
    func load(_ first: LSN) throws(WALError) -> Result<Loaded, Damage> {
        let file: any DiskFile
        let size: UInt64
        let beginning: ByteBuffer
        do throws(DiskError) {
            file = try store.open(first)
            size = try file.size()
            let block = try file.read(at: 0, length: SegmentHeader.blockBytes)
            let length = SegmentHeader.headerBytes(firstBlock: block)
            beginning = length > block.readableBytes ? try file.read(at: 0, length: length) : block
        } catch {
            throw WALError(error)
        }
        let header: SegmentHeader
        do throws(SegmentHeader.Fault) {
            header = try SegmentHeader(reading: beginning)
        } catch {
            switch error {
            case .damaged(let reason): return .failure(Damage(offset: 0, bytes: size, reason: reason))
            case .newerVersion(let version): throw .newerFormat(path: store.path(first), version: version)
            }
        }
        guard header.first == first, size >= UInt64(header.headerBytes) else {
            return .failure(Damage(offset: 0, bytes: size, reason: "its header is that of another file"))
        }
        if let sealed = try loadSealed(header, file, size: size) { return .success(sealed) }
        return .success(try scan(header, file, size: size))
    }

    /// A full segment by its trailer; nil when it has none.
    private func loadSealed(
        _ header: SegmentHeader, _ file: any DiskFile, size: UInt64
    ) throws(WALError) -> Loaded? {
        let footBytes = UInt64(SegmentTrailer.footBytes)
        guard size >= UInt64(header.headerBytes) + footBytes else { return nil }
        do throws(DiskError) {
            let foot = try file.read(at: size - footBytes, length: Int(footBytes))
            guard let length = SegmentTrailer.length(foot: foot), UInt64(length) <= size else { return nil }
            let start = size - UInt64(length)
            guard let trailer = SegmentTrailer(reading: try file.read(at: start, length: length)),
                trailer.describes(header, end: start), let point = trailer.index.points.indices.last
            else { return nil }
            var segment = Segment(header: header, fileBytes: size)
            segment.adopt(trailer)
            return Loaded(segment: segment, history: trailer.index.history(at: point), file: file, damage: nil)
        } catch {
            throw WALError(error)
        }
    }

    /// A segment by its batches, each verified.
    private func scan(_ header: SegmentHeader, _ file: any DiskFile, size: UInt64) throws(WALError) -> Loaded {
        var segment = Segment(header: header, fileBytes: size)
        var history = header.history
        var scanner = BatchScanner(file, from: segment.end, to: size, windowBytes: Self.windowBytes)
        var fault: BatchFault?
        do throws(BatchScanner.Fault) {
            while let batch = try scanner.next() {
                guard batch.first == segment.last.next, batch.term >= segment.lastTerm else {
                    fault = .discontinuous(expected: segment.last.next, found: batch.first, term: batch.term)
                    break
                }
                segment.take(batch.header, history: &history, indexIntervalBytes: store.options.indexIntervalBytes)
            }
        } catch {
            switch error {
            case .disk(let error): throw WALError(error)
            case .batch(.newerVersion(let version)):
                throw .newerFormat(path: store.path(header.first), version: UInt32(version))
            case .batch(let error): fault = error
            }
        }
        var damage: Damage?
        if let fault, let bytes = try bytesInUse(file, from: segment.end, to: size) {
            damage = Damage(offset: segment.end, bytes: bytes, reason: fault.description)
        }
        return Loaded(segment: segment, history: history, file: file, damage: damage)
    }

    /// How far the last byte lies from `start` that is not zero; nil when all are.
    private func bytesInUse(_ file: any DiskFile, from start: UInt64, to end: UInt64) throws(WALError) -> UInt64? {
        var offset = start
        var result: UInt64?
        do throws(DiskError) {
            while offset < end {
                let chunk = try file.read(at: offset, length: Int(min(UInt64(Self.windowBytes), end - offset)))
                if chunk.readableBytes == 0 { break }
                if let used = chunk.bytesInUse { result = offset - start + UInt64(used) }
                offset += UInt64(chunk.readableBytes)
            }
        } catch {
            throw WALError(error)
        }
        return result
    }
}

extension Segment {
    fileprivate mutating func adopt(_ trailer: SegmentTrailer) {
        index = trailer.index
        end = trailer.end
        last = trailer.last
        termRuns = trailer.termRuns
        memberships = trailer.memberships
        sealedAt = trailer.sealedAt
    }
}

extension ByteBuffer {
    /// How many readable bytes there are up to the last one that is not zero; nil when all are zero.
    fileprivate var bytesInUse: Int? {
        withUnsafeReadableBytes { bytes in
            guard let start = bytes.baseAddress else { return nil }
            // A chunk of zeros equals itself shifted by one.
            if bytes[0] == 0, memcmp(start, start + 1, bytes.count - 1) == 0 { return nil }
            return bytes.lastIndex { $0 != 0 }.map { $0 + 1 }
        }
    }
}
