import ClusterCore
import MariaDBClient
import Synchronization

/// Changes of the schema, which are in no transaction.
extension WriteExecutor {
    func execute(
        _ ddl: DDLStatement, _ key: IdempotentRequest?, on pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> WriteAnswer {
        guard let key else { return try await run(ddl, nil, on: pool, by: deadline) }
        guard underWay.begin(key.key) else { throw IdempotencyStore.inUse }
        let earlier: WriteAnswer?
        do throws(Problem) {
            earlier = try await intend(key, on: pool, by: deadline)
        } catch {
            underWay.end(key.key)
            throw error
        }
        guard let earlier else { return try await run(ddl, key, on: pool, by: deadline) }
        underWay.end(key.key)
        return earlier
    }

    /// The thread gives the key free, since it may be at work longer than the caller waits.
    private func run(
        _ ddl: DDLStatement, _ key: IdempotentRequest?, on pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> WriteAnswer {
        let outcome: WriteOutcome
        do {
            outcome = try await pool.run(deadline: max(.zero, deadline - .now)) { [underWay] session throws(SQLError) in
                defer { if let key { underWay.end(key.key) } }
                return try WriteExecutor.execute(ddl, key, session)
            }
        } catch {
            // One that has not begun never gives it free.
            if let key, [.busy, .closed, .connect].contains(error.kind) { underWay.end(key.key) }
            throw error.isOutcomeUnknown ? .unknownOutcome(error.description, isKeyed: key != nil) : Problem(error)
        }
        return await answer(outcome)
    }

    private static func execute(
        _ ddl: DDLStatement, _ key: IdempotentRequest?, _ session: SQLSession
    ) throws(SQLError) -> WriteOutcome {
        do throws(SQLError) {
            let outcome = try WriteOutcome(session.query(ddl.sql), session, isDDL: true)
            if let key {
                try IdempotencyStore.keep([OperationResult(affectedRows: outcome.affectedRows)], of: key, session)
            }
            return outcome
        } catch {
            // What the server refused was not executed, so the key may be used again.
            if let key, error.kind == .server { try IdempotencyStore.forget(key, session) }
            throw error
        }
    }

    /// Writes down that the statement is about to be executed, or finds what became of an earlier request.
    private func intend(
        _ key: IdempotentRequest, on pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> WriteAnswer? {
        var mayMakeStore = true
        while true {
            let found: Result<IdempotencyStore.Known?, MissingStore>
            do {
                found = try await pool.run(deadline: max(.zero, deadline - .now)) { session throws(SQLError) in
                    try WriteExecutor.intend(key, session)
                }
            } catch {
                // Whether or not the intent came through, the statement itself was not sent; a trace of it may remain.
                throw error.errno == 1205 ? IdempotencyStore.inUse : Problem(beforeCommit: error)
            }
            switch found {
            case .success(nil): return nil
            case .success(let known?):
                guard known.fingerprint == key.fingerprint else { throw IdempotencyStore.reused }
                guard let result = known.results?.first else { throw IdempotencyStore.unfinished }
                return WriteAnswer(affectedRows: result.affectedRows, replayed: true)
            case .failure(let missing):
                guard mayMakeStore else {
                    throw .unavailable(
                        "The table of idempotency keys can't be used by \(missing.account).", retryAfterSeconds: 5)
                }
                mayMakeStore = false
                try await makeStore(for: missing.account)
            }
        }
    }

    private struct MissingStore: Error { var account: String }

    private static func intend(
        _ key: IdempotentRequest, _ session: SQLSession
    ) throws(SQLError) -> Result<IdempotencyStore.Known?, MissingStore> {
        do throws(SQLError) {
            if let known = try IdempotencyStore.find(key, session) { return .success(known) }
        } catch {
            guard IdempotencyStore.isMissing(error) else { throw error }
            return .failure(MissingStore(account: try session.query("SELECT CURRENT_USER()").scalar ?? ""))
        }
        do throws(SQLError) {
            try IdempotencyStore.claim(key, session)
            return .success(nil)
        } catch {
            guard error.errno == 1062, let known = try IdempotencyStore.find(key, session) else { throw error }
            return .success(known)
        }
    }
}

/// The keys of DDL that this node is executing: in the table they look like those whose leader was lost.
final class KeysUnderWay: Sendable {
    private let keys = Mutex<Set<String>>([])

    /// False when it is there already.
    func begin(_ key: String) -> Bool { keys.withLock { $0.insert(key).inserted } }
    func end(_ key: String) { keys.withLock { _ = $0.remove(key) } }
}
