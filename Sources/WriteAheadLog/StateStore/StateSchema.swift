import GRDB

/// The tables of the state store, and how older files become newer ones.
enum StateSchema {
    /// "WOLF", in the header of our SQLite files.
    static let applicationID: Int32 = 0x574F_4C46

    /// A released migration is never changed; what is new is added as another one.
    static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: first layout") { db in
            try db.execute(
                sql: """
                    CREATE TABLE hard_state (
                        id INTEGER PRIMARY KEY CHECK (id = 1), term INTEGER NOT NULL, voted_for INTEGER) STRICT;
                    CREATE TABLE identity (
                        id INTEGER PRIMARY KEY CHECK (id = 1), cluster_name TEXT NOT NULL, cluster_id TEXT NOT NULL,
                        node_id TEXT NOT NULL, number INTEGER NOT NULL, cluster_secret BLOB NOT NULL) STRICT;
                    CREATE TABLE progress (
                        id INTEGER PRIMARY KEY CHECK (id = 1), committed_lsn INTEGER NOT NULL DEFAULT 0,
                        applied_lsn INTEGER NOT NULL DEFAULT 0, applied_position TEXT NOT NULL DEFAULT '') STRICT;
                    CREATE TABLE membership (lsn INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
                    CREATE TABLE value (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
                    CREATE TABLE event (
                        id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, kind TEXT NOT NULL,
                        reason TEXT NOT NULL, details TEXT NOT NULL, term INTEGER, lsn INTEGER) STRICT;
                    """)
        }
        return migrator
    }()

    /// Tells our file from others before anything in it is changed, then brings it up to date.
    static func prepare(_ queue: DatabaseQueue, path: String) throws {
        try queue.writeWithoutTransaction { db in
            let found = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
            if found != applicationID {
                let isEmpty = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0
                guard isEmpty, found == 0 else { throw StateStoreError.notOurs(path: path) }
                try db.execute(sql: "PRAGMA application_id = \(applicationID)")
            }
            guard try !migrator.hasBeenSuperseded(db) else { throw StateStoreError.newer(path: path) }
            try db.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
        }
        try migrator.migrate(queue)
    }
}
