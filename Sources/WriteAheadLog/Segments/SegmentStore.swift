import ClusterCore
import NIOCore

/// The segment files of one directory: naming, creating, sealing, removing. Holds no descriptor.
struct SegmentStore: Sendable {
    let disk: any Disk
    let directory: String
    let options: Log.Options

    private static let unfinished = ".tmp"

    func path(_ first: LSN) -> String { directory + "/" + Segment.name(first) }

    /// The first LSNs of all segments, ascending. What a crash left unfinished is removed on the way.
    func list() throws(DiskError) -> [LSN] {
        let names = try disk.list(directory)
        for name in names where name.hasSuffix(Self.unfinished) { try disk.remove(directory + "/" + name) }
        return names.compactMap { Segment.first(named: $0) }.sorted()
    }

    func open(_ first: LSN) throws(DiskError) -> any DiskFile { try disk.open(path(first), creating: false) }

    /// Creates a segment under another name, and renames it when its header is durable: a segment file always has one.
    func create(_ header: SegmentHeader) throws(DiskError) -> (file: any DiskFile, segment: Segment) {
        let path = path(header.first)
        let unfinished = try disk.open(path + Self.unfinished, creating: true)
        try unfinished.write([header.encoded()], at: 0)
        try reserve(unfinished)
        if options.fsync { try unfinished.syncAll() }
        try disk.rename(path + Self.unfinished, to: path)
        if options.fsync { try disk.syncDirectory(directory) }
        // Once more, so that errors speak of it by its name.
        let file = try disk.open(path, creating: false)
        return (file, Segment(header: header, fileBytes: try file.size()))
    }

    func reserve(_ file: any DiskFile) throws(DiskError) {
        if options.reservesSpace { try file.reserve(UInt64(options.segmentBytesMax)) }
    }

    /// Puts the trailer behind the batches and gives the rest of the reserved space back.
    func seal(_ segment: inout Segment, file: any DiskFile, history: History) throws(DiskError) {
        let sealedAt = options.now()
        let trailer = SegmentTrailer(of: segment, history: history, sealedAt: sealedAt)
        let bytes = trailer.encoded()
        try file.write([bytes], at: segment.end)
        try file.truncate(to: segment.end + UInt64(bytes.readableBytes))
        if options.fsync { try file.syncAll() }
        segment.index = trailer.index
        segment.sealedAt = sealedAt
        segment.fileBytes = segment.end + UInt64(bytes.readableBytes)
    }

    /// Cuts a segment's file to its first `end` bytes, durably; what follows reads as zeros, so that nothing that
    /// lay there can be taken for a batch later.
    func cut(_ file: any DiskFile, to end: UInt64) throws(DiskError) {
        try file.truncate(to: end)
        try reserve(file)
        if options.fsync { try file.syncAll() }
    }

    /// Removes segments, each durably before the next: a crash leaves no gap whatever order the file system chooses.
    func remove(_ firsts: [LSN]) throws(DiskError) {
        for first in firsts {
            try disk.remove(path(first))
            if options.fsync { try disk.syncDirectory(directory) }
        }
    }
}
