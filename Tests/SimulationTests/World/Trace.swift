import ClusterCore

/// The story of a run, told while it is replayed.
struct Trace {
    func note(_ time: UInt64, _ node: Int, _ text: String) {
        print("\(time / 1_000) us  node \(node + 1)  \(text)")
    }

    func event(_ time: UInt64, _ node: Int, _ event: RaftEvent) {
        if case .tick = event { return }
        note(time, node, "\(event)")
    }

    func effects(_ time: UInt64, _ node: Int, _ effects: RaftEffects) {
        if let state = effects.hardState {
            note(time, node, "  persist term \(state.term) vote \(state.votedFor?.description ?? "-")")
        }
        if let lsn = effects.truncateAfter { note(time, node, "  truncate after \(lsn)") }
        if let base = effects.restartLogAfter { note(time, node, "  restart the log after \(base)") }
        for batch in effects.store { note(time, node, "  store \(batch.first)...\(batch.end)") }
        if let batch = effects.append { note(time, node, "  append \(batch.first)...\(batch.end)") }
        for outbound in effects.messages { note(time, node, "  to \(outbound.to): \(outbound.message)") }
        if let lsn = effects.committed { note(time, node, "  committed \(lsn)") }
        for notice in effects.notices { note(time, node, "  \(notice)") }
    }
}
