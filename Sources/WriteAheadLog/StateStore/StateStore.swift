import ClusterCore
import Foundation
import GRDB
import NIOCore

/// What a node must remember beside the log, in SQLite: term and vote, who it is, memberships, progress, and what
/// happened.
///
/// All calls block and any thread may make them. What is called durable is on disk when the call returns
/// (`synchronous = FULL`); the rest may lose its last changes with a loss of power, but never its consistency.
public final class StateStore: Sendable {
    private let queue: DatabaseQueue
    let path: String

    /// Opens or creates `path`, whose directory exists.
    public init(path: String) throws(StateStoreError) {
        self.path = path
        do {
            var configuration = Configuration()
            configuration.label = "state"
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try StateSchema.prepare(queue, path: path)
        } catch {
            throw StateStoreError(error, path: path)
        }
    }

    public static func open(in directory: DataDirectory) throws(StateStoreError) -> StateStore {
        try StateStore(path: directory.state + "/state.sqlite")
    }

    /// Folds SQLite's own log back and closes the file. Nothing may be called afterwards.
    public func close() throws(StateStoreError) {
        do {
            try queue.close()
        } catch {
            throw StateStoreError(error, path: path)
        }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(StateStoreError) -> Value {
        do {
            return try queue.read(body)
        } catch {
            throw StateStoreError(error, path: path)
        }
    }

    /// One transaction, durable on return.
    func write(_ body: (Database) throws -> Void) throws(StateStoreError) {
        do {
            try queue.write(body)
        } catch {
            throw StateStoreError(error, path: path)
        }
    }

    /// One transaction that does not wait for the disk; the next durable one makes it durable too.
    func writeRelaxed(_ body: (Database) throws -> Void) throws(StateStoreError) {
        do {
            try queue.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = NORMAL")
                let outcome = Result {
                    try db.inTransaction {
                        try body(db)
                        return .commit
                    }
                }
                try db.execute(sql: "PRAGMA synchronous = FULL")
                try outcome.get()
            }
        } catch {
            throw StateStoreError(error, path: path)
        }
    }
}

extension Int64 {
    /// SQLite's integers are signed; the bits stay.
    init(stored value: UInt64) { self.init(bitPattern: value) }
}

extension UInt64 {
    init(stored value: Int64) { self.init(bitPattern: value) }
}
