/// Why a statement, or the login before it, did not succeed.
public struct SQLError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable {
        /// No session could be opened. Nothing was executed.
        case connect
        /// No session or thread became free in time, or the queue is full. Nothing was executed.
        case busy
        /// The runner or pool was closed, abandoned or reset before the work began. Nothing was executed.
        case closed
        /// The server answered with an error.
        case server
        /// The connection broke while a statement was under way: whether it was executed is unknown.
        case lost
        /// No answer in time: whether it was executed is unknown.
        case timeout
        /// The caller's task was cancelled while the work was under way: whether it was executed is unknown.
        case cancelled
        /// The client library or the arguments are at fault; the server was not asked.
        case client
    }

    public var kind: Kind
    /// MariaDB's error number, or libmariadb's (2000 and up); 0 when neither spoke.
    public var errno: UInt32
    /// Five characters; `HY000` when nothing better is known.
    public var sqlState: String
    public var message: String

    public init(kind: Kind, errno: UInt32 = 0, sqlState: String = "HY000", message: String) {
        self.kind = kind
        self.errno = errno
        self.sqlState = sqlState
        self.message = message
    }

    /// True when the server may have executed the statement although no answer came.
    public var isOutcomeUnknown: Bool {
        switch kind {
        case .lost, .timeout, .cancelled: true
        case .connect, .busy, .closed, .server, .client: false
        }
    }

    public var description: String {
        let number = errno == 0 ? "" : " (error \(errno), SQLSTATE \(sqlState))"
        return switch kind {
        case .connect: "cannot connect to MariaDB: \(message)\(number)"
        case .busy, .closed, .cancelled, .client: message + number
        case .server: "MariaDB says: \(message)\(number)"
        case .lost: "the connection to MariaDB broke: \(message)\(number)"
        case .timeout: "no answer from MariaDB in time: \(message)\(number)"
        }
    }
}
