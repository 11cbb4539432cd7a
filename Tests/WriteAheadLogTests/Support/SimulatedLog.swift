import ClusterCore
import WriteAheadLog

extension Log.Options {
    /// Segments of a few kilobytes, so that tests roll them.
    static var small: Log.Options {
        var options = Log.Options()
        options.segmentBytesMax = 8192
        options.indexIntervalBytes = 512
        options.zeroAheadBytes = 512
        options.now = { 1_000_000 }
        return options
    }
}

/// A log on a simulated disk, with its notices.
struct SimulatedLog {
    static let directory = "/wal"

    let disk: SimulatedDisk
    let log: Log
    let recovery: Recovery
    let notices: Notices

    init(
        _ disk: SimulatedDisk = SimulatedDisk(), options: Log.Options = .small, committed: LSN = .zero
    ) throws(WALError) {
        let notices = Notices()
        self.disk = disk
        self.notices = notices
        (log, recovery) = try Log.open(
            directory: Self.directory, options: options, committed: committed, logger: quiet, disk: disk,
            onDurable: notices.receive)
    }

    /// Appends batches and waits until they are durable.
    func append(_ batches: Batch...) throws(WALError) {
        try log.append(contentsOf: batches)
        guard let last = batches.last else { return }
        try notices.wait(for: last.last, generation: log.generation)
    }

    static func path(_ first: UInt64) -> String {
        let digits = String(first)
        return directory + "/" + String(repeating: "0", count: 20 - digits.count) + digits + ".wal"
    }
}
