import Synchronization

/// One piece of work on its way to a thread: the place where the thread's result, the deadline and the caller's
/// cancellation meet. The first of them settles it.
final class SQLCall<Value: Sendable>: Sendable {
    private enum Progress {
        case queued
        case running
        case settled
    }
    private struct State {
        var progress = Progress.queued
        var result: Result<Value, SQLError>?
        var continuation: CheckedContinuation<Result<Value, SQLError>, Never>?
    }
    private let state = Mutex(State())

    /// The thread asks before it begins; false when nobody waits for the result any more, and nothing may be executed.
    func begin() -> Bool {
        state.withLock { state in
            guard case .queued = state.progress else { return false }
            state.progress = .running
            return true
        }
    }

    func finish(_ result: Result<Value, SQLError>) {
        let continuation = state.withLock { state -> CheckedContinuation<Result<Value, SQLError>, Never>? in
            guard state.result == nil else { return nil }
            state.progress = .settled
            state.result = result
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume(returning: result)
    }

    /// Lets the caller go with `queued` when the work has not begun, else with `running`.
    private func giveUp(queued: SQLError, running: SQLError) {
        let error = state.withLock { state in
            defer { state.progress = .settled }
            if case .queued = state.progress { return queued }
            return running
        }
        finish(.failure(error))
    }

    /// Waits for the result, `deadline` at the most. The thread may still be at work when this returns.
    func result(within deadline: Duration) async throws(SQLError) -> Value {
        let result = await withTaskGroup(of: Void.self, returning: Result<Value, SQLError>.self) { group in
            group.addTask {
                do {
                    try await Task.sleep(for: deadline)
                    self.giveUp(
                        queued: SQLError(kind: .busy, message: "no SQL session became free within \(deadline)"),
                        running: SQLError(kind: .timeout, message: "nothing within \(deadline)"))
                } catch {
                    // Cancelled: the result came first, or the caller's own cancellation settles the call.
                }
            }
            let result = await self.settled()
            group.cancelAll()
            return result
        }
        return try result.get()
    }

    private func settled() async -> Result<Value, SQLError> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let result = state.withLock { state -> Result<Value, SQLError>? in
                    if state.result == nil { state.continuation = continuation }
                    return state.result
                }
                if let result { continuation.resume(returning: result) }
            }
        } onCancel: {
            giveUp(
                queued: SQLError(kind: .closed, message: "cancelled before the SQL work began"),
                running: SQLError(kind: .cancelled, message: "cancelled while the SQL work was under way"))
        }
    }
}
