/// A bounded number of sessions, each on its own thread, for callers in Swift tasks. No cooperative thread ever waits for
/// the server.
///
/// A caller is let go at its deadline; its session stays checked out until the server answers, and then goes back. That is
/// what a commit needs that waits for its quorum: it may neither be killed nor forgotten.
public final class SQLPool: Sendable {
    public struct Occupancy: Sendable, Hashable {
        public var size: Int
        /// Sessions at work, those whose callers have left included.
        public var busy: Int
        /// Calls that wait for a session.
        public var waiting: Int
    }

    private let threads: SessionThreads
    /// With a session of its own, since all others may be at work.
    private let killers: SessionThreads
    /// For calls that name none.
    public let deadline: Duration

    /// - Parameters:
    ///   - size: how many sessions and threads there are at the most; they are opened when needed.
    ///   - queueMax: how many calls may wait for a session; the next one fails with `.busy`.
    public init(
        _ configuration: SQLConfiguration, size: Int, queueMax: Int = 1024, deadline: Duration = .seconds(10),
        name: String = "sql-pool"
    ) {
        threads = SessionThreads(configuration, threadsMax: size, queueMax: queueMax, name: name)
        killers = SessionThreads(configuration, threadsMax: 1, queueMax: queueMax, name: name + "-kill")
        self.deadline = deadline
    }

    deinit {
        threads.close(interrupting: false)
        killers.close(interrupting: false)
    }

    public var occupancy: Occupancy { threads.occupancy }

    /// Runs `body` with a session on its thread. A transaction that `body` leaves open is rolled back; a session that was
    /// lost is replaced at the next call. Nothing is tried twice.
    @discardableResult
    public func run<Value: Sendable>(
        deadline: Duration? = nil, _ body: @escaping @Sendable (SQLSession) throws(SQLError) -> Value
    ) async throws(SQLError) -> Value {
        let call = SQLCall<Value>()
        try threads.submit(
            SessionThreads.Work { session in
                let (result, keeps) = SQLPool.perform(body, session)
                call.finish(result)
                return keeps
            } begin: {
                call.begin()
            })
        return try await call.result(within: deadline ?? self.deadline)
    }

    /// Runs `body` with a session on its thread, without anybody waiting for it; `body` itself makes its result known, and hears
    /// why there is no session.
    /// - Throws: when it can't even be queued.
    public func enqueue(
        _ body: @escaping @Sendable (Result<SQLSession, SQLError>) -> Void
    ) throws(SQLError) {
        try threads.submit(
            SessionThreads.Work { session in
                body(session)
                guard case .success(let open) = session else { return false }
                return !open.isLost && SQLPool.isClean(open)
            } begin: {
                true
            })
    }

    /// Asks the server to stop what one of this pool's sessions does, soon and without a promise. Only for statements that read: a KILL
    /// lets a commit through that waits for its quorum. The session must not be used for anything else afterwards.
    /// - Parameter connection: ``SQLSession/threadID``.
    public func killQuery(_ connection: UInt) {
        let work = SessionThreads.Work { session in
            guard case .success(let open) = session else { return false }
            do throws(SQLError) { try open.query("KILL QUERY \(connection)") } catch {
                // It has ended by itself, or will when its time is over.
            }
            return !open.isLost
        } begin: {
            true
        }
        do throws(SQLError) { try killers.submit(work) } catch {
            // Closed, or overrun: then the statement's own time limit ends it.
        }
    }

    /// The next calls get new sessions: after a change of the server's role or place. With `interrupting` those at work are
    /// cut off and their callers get `.lost`; without it they finish.
    public func reset(interrupting: Bool = false) { threads.reset(interrupting: interrupting) }

    /// Takes no more calls; those that wait fail with `.closed`. Sessions are closed after their present work, or, with
    /// `interrupting`, cut off.
    public func close(interrupting: Bool = false) {
        threads.close(interrupting: interrupting)
        killers.close(interrupting: interrupting)
    }

    private static func perform<Value>(
        _ body: (SQLSession) throws(SQLError) -> Value, _ session: Result<SQLSession, SQLError>
    ) -> (Result<Value, SQLError>, keeps: Bool) {
        do {
            let open = try session.get()
            let value: Value
            do throws(SQLError) {
                value = try body(open)
            } catch {
                return (.failure(error), keeps: !open.isLost && isClean(open))
            }
            return (.success(value), keeps: isClean(open))
        } catch {
            return (.failure(error), keeps: false)
        }
    }

    /// Whether no transaction is open, after having rolled one back if need be.
    private static func isClean(_ session: SQLSession) -> Bool {
        guard session.isInTransaction else { return true }
        do {
            try session.query("ROLLBACK")
            return true
        } catch {
            return false
        }
    }
}
