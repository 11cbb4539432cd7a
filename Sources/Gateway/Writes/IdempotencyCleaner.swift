import Logging
import MariaDBClient

/// Deletes old idempotency keys while this node leads, in small transactions.
struct IdempotencyCleaner: Sendable {
    static let interval = Duration.seconds(60)
    static let rowsMax = 1_000
    /// Between two of them, so that others get their turn.
    static let pause = Duration.milliseconds(50)

    let cluster: any ClusterInformation
    let hours: Int
    let logger: Logger

    /// Cleans for as long as `body` runs.
    func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await cleanAgain() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    private func cleanAgain() async {
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: IdempotencyCleaner.interval)
            } catch {
                return
            }
            await clean()
        }
    }

    /// Until nothing old is left, or the database says no.
    func clean() async {
        do {
            while case .local(let pool) = await cluster.writeRoute() {
                let count = try await pool.run { session throws(SQLError) in
                    try IdempotencyStore.clean(olderThan: hours, rowsMax: IdempotencyCleaner.rowsMax, session)
                }
                guard count >= IdempotencyCleaner.rowsMax else { return }
                try await Task.sleep(for: IdempotencyCleaner.pause)
            }
        } catch let error as SQLError {
            // Nobody has used a key yet.
            if IdempotencyStore.isMissing(error) { return }
            logger.warning("old idempotency keys could not be deleted", metadata: ["error": "\(error)"])
        } catch {
            // Cancelled.
        }
    }
}
