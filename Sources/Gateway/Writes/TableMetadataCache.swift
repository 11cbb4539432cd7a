import Synchronization

/// Remembers tables for a short while: schema changes that do not come through the API are noticed when the time is up, or
/// when a statement fails for them.
final class TableMetadataCache: Sendable {
    private struct Entry {
        var metadata: TableMetadata
        var expires: ContinuousClock.Instant
    }

    private let entries = Mutex<[TableName: Entry]>([:])
    private let lifetime: Duration
    private let entriesMax: Int

    init(lifetime: Duration = .seconds(10), entriesMax: Int = 4096) {
        self.lifetime = lifetime
        self.entriesMax = entriesMax
    }

    subscript(table: TableName) -> TableMetadata? {
        entries.withLock { entries in
            guard let entry = entries[table], entry.expires > .now else { return nil }
            return entry.metadata
        }
    }

    func remember(_ metadata: TableMetadata, of table: TableName) {
        entries.withLock { entries in
            if entries.count >= entriesMax { entries.removeAll() }
            entries[table] = Entry(metadata: metadata, expires: .now + lifetime)
        }
    }

    func forget(_ table: TableName) { entries.withLock { $0[table] = nil } }

    func forgetAll() { entries.withLock { $0.removeAll() } }
}
