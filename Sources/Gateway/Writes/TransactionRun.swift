import MariaDBClient

/// Executes the steps of a write in one transaction of a session, on that session's thread.
struct TransactionRun: Sendable {
    struct Step: Sendable {
        var statement: WriteStatement
        /// The key that an insert was given.
        var id: RowID?
        var expectRows: UInt64?
        /// Whether the text is the client's own, to be looked at again in the session's dialect.
        var isForeign = false
    }

    enum End: Sendable {
        case committed([OperationResult], gtid: String?)
        /// Done by an earlier request with the same key. `position` holds that request's transaction.
        case replayed([OperationResult], position: String)
        /// Rolled back.
        case refused(Problem)
        /// There is no place for keys yet, or `account` may not use it. Nothing was executed.
        case noStore(account: String)
    }

    var steps: [Step]
    var key: IdempotentRequest?
    let gate: CommitGate

    /// - Throws: only what happens before the transaction begins, so that nothing was executed.
    func execute(_ session: SQLSession) throws(SQLError) -> End {
        if let key {
            do throws(SQLError) {
                if let known = try IdempotencyStore.find(key, session) { return try replay(known, key, session) }
            } catch {
                guard IdempotencyStore.isMissing(error) else { throw error }
                return .noStore(account: try session.query("SELECT CURRENT_USER()").scalar ?? "")
            }
        }
        try session.query("START TRANSACTION")
        switch outcome(of: session) {
        case .success(let results): return try commit(results, session)
        case .failure(.claimed):
            try session.query("ROLLBACK")
            // Committed since we looked.
            if let key, let known = try IdempotencyStore.find(key, session) { return try replay(known, key, session) }
            return .refused(IdempotencyStore.inUse)
        case .failure(.problem(let problem)):
            return .refused(rollBack(problem, session))
        }
    }

    private enum Failure: Error {
        case problem(Problem)
        /// Somebody else has the key.
        case claimed
    }

    // MARK: Steps

    private func outcome(of session: SQLSession) -> Result<[OperationResult], Failure> {
        do throws(Failure) {
            try claim(session)
            let dialect = try dialect(of: session)
            var results: [OperationResult] = []
            for (index, step) in steps.enumerated() {
                do throws(Problem) {
                    results.append(try run(step, dialect, session))
                } catch {
                    throw .problem(steps.count > 1 || step.isForeign ? error.at(operation: index) : error)
                }
            }
            if key != nil { try keep(results, session) }
            return .success(results)
        } catch {
            return .failure(error)
        }
    }

    private func claim(_ session: SQLSession) throws(Failure) {
        guard let key else { return }
        do throws(SQLError) {
            try IdempotencyStore.claim(key, session)
        } catch {
            switch error.errno {
            case 1062: throw .claimed
            case 1205: throw .problem(IdempotencyStore.inUse)
            default: throw .problem(Problem(beforeCommit: error))
            }
        }
    }

    private func keep(_ results: [OperationResult], _ session: SQLSession) throws(Failure) {
        guard let key else { return }
        do throws(SQLError) { try IdempotencyStore.keep(results, of: key, session) } catch {
            throw .problem(Problem(beforeCommit: error))
        }
    }

    private func dialect(of session: SQLSession) throws(Failure) -> SQLDialect {
        guard steps.contains(where: \.isForeign) else { return [] }
        do throws(SQLError) {
            return SQLDialect(sqlMode: try session.query("SELECT @@sql_mode").scalar ?? "")
        } catch {
            throw .problem(Problem(beforeCommit: error))
        }
    }

    private func run(
        _ step: Step, _ dialect: SQLDialect, _ session: SQLSession
    ) throws(Problem) -> OperationResult {
        if step.isForeign, !dialect.isEmpty, let reason = DMLStatement.refusal(step.statement.sql, dialect: dialect) {
            throw .badRequest("Under the server's sql_mode: \(reason)")
        }
        let answer: SQLResult
        do throws(SQLError) {
            answer = try session.execute(step.statement.sql, step.statement.parameters)
        } catch {
            throw Problem(beforeCommit: error)
        }
        guard session.isInTransaction else {
            throw Problem(
                .internalError, status: 500,
                "The statement ended the transaction; what came before it may be committed. Look at the rows.")
        }
        if let wanted = step.expectRows, wanted != answer.affectedRows {
            throw Problem(
                .unexpectedRows, status: 409,
                "It affected \(answer.affectedRows) rows, and 'expect_rows' is \(wanted). Everything was rolled back.")
        }
        let made = answer.lastInsertID == 0 ? nil : RowID.number(answer.lastInsertID)
        return OperationResult(affectedRows: answer.affectedRows, id: step.id ?? made)
    }

    // MARK: The end

    private func commit(_ results: [OperationResult], _ session: SQLSession) throws(SQLError) -> End {
        guard gate.enter() else {
            try session.query("ROLLBACK")
            return .refused(
                .unavailable("Nobody waits for it any more. Everything was rolled back.", retryAfterSeconds: 1))
        }
        do throws(SQLError) {
            let answer = try session.query("COMMIT")
            var gtid = answer.trackedVariables["last_gtid"]
            let changed = key != nil || results.contains { $0.affectedRows > 0 }
            if !session.configuration.tracksLastGTID, changed { gtid = try session.query("SELECT @@last_gtid").scalar }
            return .committed(results, gtid: gtid?.isEmpty == true ? nil : gtid)
        } catch {
            // The database rolls back what it refuses for these reasons; of others the outcome is not known.
            if case .server = error.kind, [1205, 1213, 1290, 1792].contains(error.errno) {
                return .refused(Problem(beforeCommit: error))
            }
            return .refused(.unknownOutcome(error.description, isKeyed: key != nil))
        }
    }

    private func rollBack(_ problem: Problem, _ session: SQLSession) -> Problem {
        guard !session.isLost, session.isInTransaction else { return problem }
        do throws(SQLError) {
            guard try session.query("ROLLBACK").warnings > 0 else { return problem }
            var problem = problem
            problem.detail += " Changes of tables that are not InnoDB's could not be rolled back."
            return problem
        } catch {
            // Then the session ends, and with it the transaction.
            return problem
        }
    }

    private func replay(
        _ known: IdempotencyStore.Known, _ key: IdempotentRequest, _ session: SQLSession
    ) throws(SQLError) -> End {
        guard known.fingerprint == key.fingerprint else { return .refused(IdempotencyStore.reused) }
        guard let results = known.results else { return .refused(IdempotencyStore.unfinished) }
        return .replayed(results, position: try session.query("SELECT @@gtid_binlog_pos").scalar ?? "")
    }
}

extension Problem {
    /// What a failure means while nothing has been committed: a broken connection rolls back too.
    init(beforeCommit error: SQLError) {
        guard error.isOutcomeUnknown else {
            self.init(error)
            return
        }
        self = .unavailable(
            "\(error.description). Nothing was executed: the transaction was not yet committed.", retryAfterSeconds: 1)
    }
}
