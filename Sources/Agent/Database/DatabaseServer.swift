import MariaDBClient

/// A server that the agent looks after: one that it runs itself (``ManagedServer``), or one that somebody else set up
/// (``AttachedServer``).
protocol DatabaseServer: Sendable {
    /// How the agent logs in for administration.
    var administration: SQLConfiguration { get }
    /// Adopts the server when it runs and starts it when not; returns when it answers.
    func start() async throws -> StartedServer
    /// Writes what the server's binlog holds after `position` into `directory`, as binlog and as readable SQL.
    func exportOrphans(after position: String, to directory: String) async throws
    /// Whether the binlog file exists in its present naming and reaches to `offset`; then acknowledging up to it is safe.
    func holdsBinlog(file: String, offset: UInt64) async -> Bool
}

struct StartedServer: Sendable {
    var process: any RunningServer
    /// It ran already.
    var adopted: Bool
}

/// A server that runs.
protocol RunningServer: Sendable {
    /// Ends it at once, without giving a waiting commit the chance to go through; returns when it is gone.
    func fence() async throws
    /// Ends it in order. Only for a server in which no commit waits.
    func stop() async throws
    /// Returns when the server has ended. One that can't be watched is found lost by the monitor.
    func waitUntilEnded() async
}
