import ClusterCore
import Foundation
import GRDB

/// How far the local database had come.
public struct AppliedPosition: Hashable, Sendable {
    public var lsn: LSN
    public var position: GTIDPosition

    public init(lsn: LSN = .zero, position: GTIDPosition = GTIDPosition()) {
        self.lsn = lsn
        self.position = position
    }
}

extension StateStore {
    /// An LSN known to be committed; zero when none was saved.
    public func loadCommitted() throws(StateStoreError) -> LSN {
        try read { db in
            LSN(UInt64(stored: try Int64.fetchOne(db, sql: "SELECT committed_lsn FROM progress") ?? 0))
        }
    }

    /// Remembers a committed LSN for the next start, not durably.
    /// - Parameter lsn: at most ``Log/durable``: opening the log takes it as proof that all up to it was on this disk.
    public func save(committed lsn: LSN) throws(StateStoreError) {
        try writeRelaxed { db in
            try db.cachedStatement(
                sql: """
                    INSERT INTO progress (id, committed_lsn) VALUES (1, ?)
                    ON CONFLICT (id) DO UPDATE SET committed_lsn = excluded.committed_lsn
                    """
            ).execute(arguments: [Int64(stored: lsn.rawValue)])
        }
    }

    public func loadApplied() throws(StateStoreError) -> AppliedPosition {
        try read { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT applied_lsn, applied_position FROM progress") else {
                return AppliedPosition()
            }
            let text: String = row["applied_position"]
            guard let position = GTIDPosition(text) else {
                throw StateStoreError.nonsense(path: self.path, what: "'\(text)' is no GTID position")
            }
            return AppliedPosition(lsn: LSN(UInt64(stored: row["applied_lsn"])), position: position)
        }
    }

    /// Not durably: the database's own position is the truth.
    public func save(_ applied: AppliedPosition) throws(StateStoreError) {
        try writeRelaxed { db in
            try db.cachedStatement(
                sql: """
                    INSERT INTO progress (id, applied_lsn, applied_position) VALUES (1, ?, ?)
                    ON CONFLICT (id) DO UPDATE
                    SET applied_lsn = excluded.applied_lsn, applied_position = excluded.applied_position
                    """
            ).execute(arguments: [Int64(stored: applied.lsn.rawValue), applied.position.description])
        }
    }

    /// A value of the agent's own; nil when there is none under `key`.
    public func value(_ key: String) throws(StateStoreError) -> [UInt8]? {
        try read { db in
            try Data.fetchOne(db, sql: "SELECT value FROM value WHERE key = ?", arguments: [key]).map { [UInt8]($0) }
        }
    }

    /// Durable on return; nil removes the key.
    public func set(_ key: String, to value: [UInt8]?) throws(StateStoreError) {
        try write { db in
            if let value {
                try db.execute(sql: "INSERT OR REPLACE INTO value VALUES (?, ?)", arguments: [key, Data(value)])
            } else {
                try db.execute(sql: "DELETE FROM value WHERE key = ?", arguments: [key])
            }
        }
    }
}
