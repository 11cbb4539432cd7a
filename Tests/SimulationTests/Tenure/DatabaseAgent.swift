import ClusterCore

/// A node's database, and what its agent keeps of it.
final class DatabaseAgent {
    let index: Int
    var database = ModelDatabase()
    /// A commit went through because somebody killed a waiter: what follows is no fault of the agent's.
    var isTainted = false

    // Of the agent's process; all of it is gone when that ends.
    var tenure = Tenure()
    var standing: Standing?
    var capture: Capture?
    /// Counts the capture's connections.
    var connections = 0
    /// Since when the database has been writable though its agent does not lead its term.
    var servesInVainSince: UInt64?

    struct Capture {
        let connection: Int
        /// The next transaction to read from the binlog, by its place.
        var next: Int
        /// How many transactions the log holds.
        var logged: Int
        /// What the server waits for, in the order of the log.
        var awaiting: [(lsn: LSN, sequence: Int)] = []
        var isReading = false
    }

    init(index: Int) { self.index = index }

    func startAgent() {
        tenure = Tenure()
        standing = nil
        capture = nil
        servesInVainSince = nil
    }
}
