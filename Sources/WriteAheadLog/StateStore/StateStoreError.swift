import GRDB

/// What can go wrong in the state store.
public enum StateStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file is an SQLite database of something else, or no database at all.
    case notOurs(path: String)
    /// Written by a newer version of the agent.
    case newer(path: String)
    /// SQLite failed; its result code and message.
    case sqlite(path: String, code: Int32, message: String)
    /// What is stored makes no sense.
    case nonsense(path: String, what: String)

    public var description: String {
        switch self {
        case .notOurs(let path): "\(path) is not this agent's state: move it away or choose another node.data_dir"
        case .newer(let path): "\(path) was written by a newer version of the agent: install that one"
        case .sqlite(let path, let code, let message):
            code == ResultCode.SQLITE_FULL.rawValue
                ? "\(path): the file system is full (\(message)). Free or add space there and restart the agent"
                : "\(path): SQLite says: \(message) (code \(code))"
        case .nonsense(let path, let what):
            "\(path): \(what). Restore the file from a backup or provision the node again"
        }
    }

    init(_ error: any Error, path: String) {
        switch error {
        case let error as StateStoreError: self = error
        case let error as DatabaseError where error.resultCode == .SQLITE_NOTADB: self = .notOurs(path: path)
        case let error as DatabaseError:
            self = .sqlite(path: path, code: error.extendedResultCode.rawValue, message: error.message ?? "\(error)")
        default: self = .nonsense(path: path, what: "\(error)")
        }
    }
}
