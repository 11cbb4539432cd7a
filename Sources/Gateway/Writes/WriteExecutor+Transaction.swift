import ClusterCore
import MariaDBClient

/// Several operations, or one with a key, as one transaction.
extension WriteExecutor {
    func transact(
        _ operations: [Operation], _ key: IdempotentRequest?, on pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> TransactionAnswer {
        var mayMakeStore = true
        var mayPlanAgain = true
        while true {
            let plan = try await plan(operations, on: pool, by: deadline)
            switch try await run(plan.steps, key, on: pool, by: deadline) {
            case .committed(let results, let gtid):
                return TransactionAnswer(lsn: await lsn(of: gtid), gtid: gtid, results: results)
            case .replayed(let results, let position):
                return TransactionAnswer(gtid: position.isEmpty ? nil : position, results: results, replayed: true)
            case .refused(let problem):
                // As with one statement: what was remembered of a table may be out of date, and all was rolled back.
                guard mayPlanAgain, plan.usedCache, let errno = problem.errno,
                    InsertPlanner.schemaErrors.contains(errno)
                else {
                    throw problem
                }
                mayPlanAgain = false
                metadata.forgetAll()
            case .noStore(let account):
                guard mayMakeStore else {
                    throw .unavailable(
                        "The table of idempotency keys can't be used by \(account).", retryAfterSeconds: 5)
                }
                mayMakeStore = false
                try await makeStore(for: account)
            }
        }
    }

    func makeStore(for account: String) async throws(Problem) {
        do {
            try await cluster.prepareIdempotency(account: account)
        } catch {
            throw .unavailable(
                "The table of idempotency keys could not be made: \(error). Nothing was executed.", retryAfterSeconds: 1
            )
        }
    }

    private func run(
        _ steps: [TransactionRun.Step], _ key: IdempotentRequest?, on pool: SQLPool,
        by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> TransactionRun.End {
        let gate = CommitGate()
        let run = TransactionRun(steps: steps, key: key, gate: gate)
        do {
            return try await pool.run(deadline: max(.zero, deadline - .now)) { session throws(SQLError) in
                try run.execute(session)
            }
        } catch {
            guard error.isOutcomeUnknown else { throw Problem(error) }
            // Also what the thread itself threw: that is always from before the commit.
            if gate.abandon() {
                throw .unavailable(
                    "\(error.description). It was not yet committed and is rolled back: nothing was executed.",
                    retryAfterSeconds: 1)
            }
            throw .unknownOutcome(error.description, isKeyed: key != nil)
        }
    }

    // MARK: Planning

    private func plan(
        _ operations: [Operation], on pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> (steps: [TransactionRun.Step], usedCache: Bool) {
        var steps: [TransactionRun.Step] = []
        var usedCache = false
        for (index, operation) in operations.enumerated() {
            do throws(Problem) {
                var step: TransactionRun.Step
                switch operation.work {
                case .insert(let insert):
                    let planned = try await planner.plan(insert, on: pool, by: deadline)
                    usedCache = usedCache || planned.usedCache
                    step = TransactionRun.Step(statement: planned.statement, id: planned.id)
                case .update(let update): step = TransactionRun.Step(statement: WriteStatement(update))
                case .delete(let delete): step = TransactionRun.Step(statement: WriteStatement(delete))
                case .statement(let statement):
                    step = TransactionRun.Step(
                        statement: WriteStatement(sql: statement.sql, parameters: statement.parameters), isForeign: true
                    )
                }
                step.expectRows = operation.expectRows
                steps.append(step)
            } catch {
                throw error.at(operation: index)
            }
        }
        return (steps, usedCache)
    }
}

extension WriteAnswer {
    /// Of a transaction of one operation.
    init(_ answer: TransactionAnswer) {
        let result = answer.results.first
        self.init(
            lsn: answer.lsn, gtid: answer.gtid, id: result?.id, affectedRows: result?.affectedRows ?? 0,
            replayed: answer.replayed)
    }
}
