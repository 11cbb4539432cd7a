import ClusterCore
import MariaDBClient

/// Carries writes out at the leader's database.
struct WriteExecutor: Sendable {
    let cluster: any ClusterInformation
    let metadata: TableMetadataCache
    /// From the request to the answer. A write that has not been confirmed by then goes on; its client does not wait.
    let timeout: Duration

    func execute(_ request: WriteRequest, on pool: SQLPool) async throws(Problem) -> WriteAnswer {
        let deadline = ContinuousClock.now + timeout
        switch request {
        case .insert(let insert):
            return try await self.insert(insert, on: pool, by: deadline)
        case .update(let update):
            return try await run(WriteStatement(update), update.table, on: pool, by: deadline)
        case .delete(let delete):
            return try await run(WriteStatement(delete), delete.table, on: pool, by: deadline)
        case .ddl(let ddl):
            defer { metadata.forgetAll() }
            let outcome: Outcome
            do {
                outcome = try await pool.run(deadline: timeout) { session throws(SQLError) in
                    try Outcome(session.query(ddl.sql), session, isDDL: true)
                }
            } catch {
                throw Problem(error)
            }
            return await answer(outcome)
        }
    }

    // MARK: Inserts

    private func insert(
        _ insert: WriteRequest.Insert, on pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> WriteAnswer {
        let cached = metadata[insert.table]
        do {
            return try await self.insert(insert, knowing: cached, on: pool, by: deadline)
        } catch {
            // What was remembered may be out of date; a refused statement has changed nothing, so it may be tried again.
            guard let errno = error.errno, WriteExecutor.schemaErrors.contains(errno) else { throw error }
            metadata.forget(insert.table)
            guard cached != nil else { throw error }
            return try await self.insert(insert, knowing: nil, on: pool, by: deadline)
        }
    }

    /// Unknown column, no such table, and a column without a value or a default.
    private static let schemaErrors: Set<UInt32> = [1054, 1146, 1364]

    private func insert(
        _ insert: WriteRequest.Insert, knowing cached: TableMetadata?, on pool: SQLPool,
        by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> WriteAnswer {
        let table: TableMetadata
        if let cached { table = cached } else { table = try await load(insert.table, from: pool, by: deadline) }
        var insert = insert
        var id: RowID?
        if let key = table.key {
            let position = insert.values.firstIndex { $0.column.name.lowercased() == key.lowercased() }
            let given = position.map { insert.values[$0].value } ?? .null
            if given != .null {
                id = RowID(given)
            } else if table.wantsSnowflake {
                let made = try await nextID()
                let value = ColumnValue(column: try Identifier(key, field: "values"), value: .uint64(made))
                if let position { insert.values[position] = value } else { insert.values.append(value) }
                id = .number(made)
            }
        }
        return try await run(WriteStatement(insert), insert.table, id: id, on: pool, by: deadline)
    }

    private func load(
        _ table: TableName, from pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> TableMetadata {
        let loaded: TableMetadata
        do {
            loaded = try await pool.run(deadline: remaining(deadline)) { session throws(SQLError) in
                try TableMetadata(table, session)
            }
        } catch {
            // Only reading so far: whatever failed, nothing was executed.
            if error.isOutcomeUnknown {
                throw .unavailable("The leader's MariaDB does not answer: \(error.description)", retryAfterSeconds: 1)
            }
            throw Problem(error)
        }
        metadata.remember(loaded, of: table)
        return loaded
    }

    private func nextID() async throws(Problem) -> UInt64 {
        do {
            return try await cluster.nextID()
        } catch {
            throw .unavailable("No identifier could be made: \(error)", retryAfterSeconds: 1)
        }
    }

    // MARK: Execution

    private func run(
        _ statement: WriteStatement, _ table: TableName, id: RowID? = nil, on pool: SQLPool,
        by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> WriteAnswer {
        let outcome: Outcome
        do {
            outcome = try await pool.run(deadline: remaining(deadline)) { session throws(SQLError) in
                try Outcome(session.execute(statement.sql, statement.parameters), session, isDDL: false)
            }
        } catch {
            throw Problem(error, id: id)
        }
        return await answer(outcome, id: id)
    }

    private func remaining(_ deadline: ContinuousClock.Instant) -> Duration { max(.zero, deadline - .now) }

    private func answer(_ outcome: Outcome, id: RowID? = nil) async -> WriteAnswer {
        let gtid = outcome.gtid.flatMap { GTID($0) }
        let lsn = gtid == nil ? nil : await cluster.waitForWrite(gtid: gtid)
        let lastInsertID = outcome.lastInsertID == 0 ? nil : RowID.number(outcome.lastInsertID)
        return WriteAnswer(
            lsn: lsn, gtid: outcome.gtid, id: id ?? lastInsertID, affectedRows: outcome.affectedRows)
    }
}

/// What the server says of a write.
private struct Outcome: Sendable {
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

extension RowID {
    /// The key as it was given; nil for what JSON cannot show.
    fileprivate init?(_ value: SQLValue) {
        switch value {
        case .null, .bytes: return nil
        case .int64(let number): self = number < 0 ? .negative(number) : .number(UInt64(number))
        case .uint64(let number): self = .number(number)
        case .double(let number): self = .text(String(number))
        case .decimal(let text), .string(let text): self = .text(text)
        }
    }
}
