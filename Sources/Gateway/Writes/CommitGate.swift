import Synchronization

/// Where a transaction's thread, about to commit, and its caller, whose patience ends, meet: whoever comes first decides.
/// So the caller knows for certain whether a commit was ever asked for.
final class CommitGate: Sendable {
    private enum State { case open, committing, abandoned }
    private let state = Mutex(State.open)

    /// The thread asks before it sends COMMIT; false means roll back.
    func enter() -> Bool { move(to: .committing) }

    /// The caller asks when it gives up; true when nothing will be committed.
    func abandon() -> Bool { move(to: .abandoned) }

    private func move(to next: State) -> Bool {
        state.withLock { state in
            guard state == .open else { return state == next }
            state = next
            return true
        }
    }
}
