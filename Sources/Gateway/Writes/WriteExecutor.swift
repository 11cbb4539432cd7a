import ClusterCore
import MariaDBClient

/// Carries writes out at the leader's database.
struct WriteExecutor: Sendable {
    let cluster: any ClusterInformation
    let metadata: TableMetadataCache
    /// From the request to the answer. A write that has not been confirmed by then goes on; its client does not wait.
    let timeout: Duration
    /// DDL with a key that is under way here.
    let underWay = KeysUnderWay()

    /// - Parameter key: with one, the write and the key are one transaction.
    func execute(
        _ request: WriteRequest, key: IdempotentRequest? = nil, on pool: SQLPool
    ) async throws(Problem) -> WriteReply {
        let deadline = ContinuousClock.now + timeout
        switch request {
        case .ddl(let ddl):
            defer { metadata.forgetAll() }
            return .single(try await execute(ddl, key, on: pool, by: deadline))
        case .transaction(let operations):
            return .transaction(try await transact(operations, key, on: pool, by: deadline))
        case .insert(let insert):
            guard key == nil else { return try await keyed(.insert(insert), key, on: pool, by: deadline) }
            return .single(try await self.insert(insert, on: pool, by: deadline))
        case .update(let update):
            guard key == nil else { return try await keyed(.update(update), key, on: pool, by: deadline) }
            return .single(try await run(WriteStatement(update), on: pool, by: deadline))
        case .delete(let delete):
            guard key == nil else { return try await keyed(.delete(delete), key, on: pool, by: deadline) }
            return .single(try await run(WriteStatement(delete), on: pool, by: deadline))
        }
    }

    private func keyed(
        _ work: Operation.Work, _ key: IdempotentRequest?, on pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> WriteReply {
        .single(WriteAnswer(try await transact([Operation(work)], key, on: pool, by: deadline)))
    }

    // MARK: One statement, which is its own transaction

    private func insert(
        _ insert: WriteRequest.Insert, on pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> WriteAnswer {
        let planned = try await planner.plan(insert, on: pool, by: deadline)
        do {
            return try await run(planned.statement, id: planned.id, on: pool, by: deadline)
        } catch {
            // What was remembered may be out of date; a refused statement has changed nothing, so it may be tried again.
            guard let errno = error.errno, InsertPlanner.schemaErrors.contains(errno) else { throw error }
            metadata.forget(insert.table)
            guard planned.usedCache else { throw error }
            return try await self.insert(insert, on: pool, by: deadline)
        }
    }

    var planner: InsertPlanner { InsertPlanner(cluster: cluster, metadata: metadata) }

    private func run(
        _ statement: WriteStatement, id: RowID? = nil, on pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> WriteAnswer {
        let outcome: WriteOutcome
        do {
            outcome = try await pool.run(deadline: max(.zero, deadline - .now)) { session throws(SQLError) in
                try WriteOutcome(session.execute(statement.sql, statement.parameters), session, isDDL: false)
            }
        } catch {
            throw Problem(error, id: id)
        }
        return await answer(outcome, id: id)
    }

    func answer(_ outcome: WriteOutcome, id: RowID? = nil) async -> WriteAnswer {
        let lastInsertID = outcome.lastInsertID == 0 ? nil : RowID.number(outcome.lastInsertID)
        return WriteAnswer(
            lsn: await lsn(of: outcome.gtid), gtid: outcome.gtid, id: id ?? lastInsertID,
            affectedRows: outcome.affectedRows)
    }

    func lsn(of text: String?) async -> LSN? {
        guard let gtid = text.flatMap({ GTID($0) }) else { return nil }
        return await cluster.waitForWrite(gtid: gtid)
    }
}

/// What a write route answers.
enum WriteReply: Sendable {
    case single(WriteAnswer)
    case transaction(TransactionAnswer)
}

/// What the server says of a statement.
struct WriteOutcome: Sendable {
    var affectedRows: UInt64
    var lastInsertID: UInt64
    /// Nil when nothing was logged.
    var gtid: String?

    init(_ result: SQLResult, _ session: SQLSession, isDDL: Bool) throws(SQLError) {
        affectedRows = result.affectedRows
        lastInsertID = result.lastInsertID
        if session.configuration.tracksLastGTID {
            gtid = result.trackedVariables["last_gtid"]
        } else if isDDL || affectedRows > 0 {
            // An earlier statement's GTID stays in the variable, hence the condition.
            gtid = try session.query("SELECT @@last_gtid").scalar
        }
        if gtid?.isEmpty == true { gtid = nil }
    }
}
