import ClusterCore
import NIOCore

/// Reads batches one after the other from a part of a segment file, through a window of bounded size.
struct BatchScanner {
    private let file: any DiskFile
    /// Where the next batch begins.
    private(set) var offset: UInt64
    /// Where the last one ends, or the end of the file.
    private let end: UInt64
    private let windowBytes: Int
    private var window = ByteBuffer()
    private var windowStart: UInt64
    /// The last batch was larger than a window: for the next header a little is enough.
    private var isSparse = false
    private static let sparseBytes = 4096

    enum Fault: Error {
        case disk(DiskError)
        case batch(BatchFault)
    }

    init(_ file: any DiskFile, from offset: UInt64, to end: UInt64, windowBytes: Int) {
        self.file = file
        self.offset = offset
        self.end = end
        self.windowBytes = windowBytes
        windowStart = offset
    }

    /// The header of the next batch, which stays the next; nil at the end.
    mutating func peekHeader() throws(Fault) -> BatchHeader? {
        guard offset < end else { return nil }
        var needed = BatchHeader.prefixBytes
        while true {
            try fill(needed)
            do throws(BatchFault) {
                return try BatchHeader(peeking: window, at: Int(offset - windowStart))
            } catch {
                guard case .incomplete(let more, let available) = error, more > needed, available >= needed else {
                    throw .batch(error)
                }
                needed = more
            }
        }
    }

    /// Steps over the batch that ``peekHeader()`` returned.
    mutating func skip(_ header: BatchHeader) {
        offset += UInt64(header.batchBytes)
        isSparse = header.batchBytes > windowBytes
    }

    /// The next batch, verified, as a slice of the window; nil at the end.
    mutating func next() throws(Fault) -> Batch? {
        guard let header = try peekHeader() else { return nil }
        try fill(header.batchBytes)
        do throws(BatchFault) {
            let batch = try Batch(peeking: window, at: Int(offset - windowStart))
            offset += UInt64(header.batchBytes)
            return batch
        } catch {
            throw .batch(error)
        }
    }

    /// Sees to it that the window holds `needed` bytes from `offset` on, as far as there are so many.
    private mutating func fill(_ needed: Int) throws(Fault) {
        let windowEnd = windowStart + UInt64(window.readableBytes)
        if offset >= windowStart, offset + UInt64(needed) <= windowEnd { return }
        let length = min(UInt64(max(needed, isSparse ? Self.sparseBytes : windowBytes)), end - offset)
        do throws(DiskError) {
            window = try file.read(at: offset, length: Int(length))
        } catch {
            throw .disk(error)
        }
        windowStart = offset
    }
}
