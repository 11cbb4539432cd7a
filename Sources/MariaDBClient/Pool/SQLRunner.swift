import Synchronization

/// One session on its own thread, for callers in Swift tasks: probes and administration, where calls come one after the
/// other and must not be held up for ever by a server that does not answer.
public final class SQLRunner: Sendable {
    private let configuration: SQLConfiguration
    private let name: String
    private let pool: Mutex<SQLPool>
    /// For calls that name none.
    public let deadline: Duration

    public init(_ configuration: SQLConfiguration, deadline: Duration = .seconds(5), name: String = "sql-runner") {
        self.configuration = configuration
        self.deadline = deadline
        self.name = name
        pool = Mutex(SQLRunner.pool(configuration, deadline: deadline, name: name))
    }

    deinit { close() }

    /// Runs `body` with the session, which is opened again when it was lost. Past the deadline the caller gets `.timeout`
    /// (or `.busy` when an earlier call still holds the thread): then see ``abandon()``.
    @discardableResult
    public func run<Value: Sendable>(
        deadline: Duration? = nil, _ body: @escaping @Sendable (SQLSession) throws(SQLError) -> Value
    ) async throws(SQLError) -> Value {
        try await pool.withLock { $0 }.run(deadline: deadline, body)
    }

    /// One statement in the text protocol.
    @discardableResult
    public func query(_ sql: String, deadline: Duration? = nil) async throws(SQLError) -> SQLResult {
        try await run(deadline: deadline) { session throws(SQLError) in try session.query(sql) }
    }

    /// Drops the session, stuck or not, and goes on with a new one on a new thread. The call under way fails with `.lost`;
    /// what the server makes of its statement is unknown. The old thread ends when its connection does, at once as a rule
    /// and after the connect timeout at the latest.
    public func abandon() {
        let fresh = SQLRunner.pool(configuration, deadline: deadline, name: name)
        let stuck = pool.withLock { pool in
            defer { pool = fresh }
            return pool
        }
        stuck.close(interrupting: true)
    }

    /// Takes no more calls.
    public func close(interrupting: Bool = true) { pool.withLock { $0 }.close(interrupting: interrupting) }

    private static func pool(_ configuration: SQLConfiguration, deadline: Duration, name: String) -> SQLPool {
        SQLPool(configuration, size: 1, queueMax: 64, deadline: deadline, name: name)
    }
}
